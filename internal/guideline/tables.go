package guideline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/internal/scan"
	"github.com/letterlock/letterlock/tlspolicy"
)

// Guideline holds the rules of a document that a scan can observe. Its lists hold the
// allowed values, by the names of OpenSSL. A rule is a section of the document, or its
// topic.
type Guideline struct {
	Name     string // on the command line
	Document string // with its version
	About    string
	Unseen   string // the rules that a scan cannot observe

	versions    []string
	oldVersion  scan.Severity // of an accepted version that is not in versions
	required    []required
	versionRule string

	suites, phasedOut []string // of TLS 1.2
	suiteRule         string

	groups         []string
	classicalUntil int // the last year of groups that are not hybrid; 0: any
	groupRule      string

	leastRSA, goodRSA int // bits
	curves            []string
	keyRule           string

	signatures, oldSignatures []string
	signatureRule             string

	maxDays      int // of a certificate's validity; 0: any
	lifetimeRule string
}

// required is a version that must be accepted.
type required struct {
	version  tlspolicy.Version
	severity scan.Severity // if it is not
}

// Lists that several guidelines share.
var (
	modernVersions = []string{"TLSv1.2", "TLSv1.3"}

	tls13   = []string{"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
	aesGCM  = []string{"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"}
	chaCha  = []string{"ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"}
	cbcSHA2 = []string{"ECDHE-ECDSA-AES128-SHA256", "ECDHE-RSA-AES128-SHA256"}
	cbcSHA1 = []string{"ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA", "ECDHE-RSA-AES256-SHA"}

	hybrids = []string{"X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024"}

	pkcs1 = []string{"SHA256-RSA", "SHA384-RSA", "SHA512-RSA"}
	pss   = []string{"SHA256-RSAPSS", "SHA384-RSAPSS", "SHA512-RSAPSS"}
	ecdsa = []string{"ECDSA-SHA256", "ECDSA-SHA384", "ECDSA-SHA512"}
)

// guidelines are the rules of the documents, as of November 2026.
var guidelines = []Guideline{
	{
		Name: "internet.nl", Document: "NCSC-NL TLS 2025-05", About: "the mail test of Internet.nl (1.11.2)",
		Unseen:   "DNSSEC and TLSA records (DANE), which the mail test demands: letterlock tlsa; compression, renegotiation and 0-RTT, which Go's crypto/tls does not have",
		versions: modernVersions, oldVersion: scan.Bad, versionRule: "section 3.3.1",
		suites: slices.Concat(chaCha, aesGCM), phasedOut: cbcSHA2, suiteRule: "sections 3.3.3 and 3.3.4, appendix B",
		groups: []string{"X25519", "P-256", "P-384", "P-521"}, groupRule: "section 3.3.2.1",
		leastRSA: 2048, goodRSA: 3072, curves: []string{"P-256", "P-384", "P-521", "Ed25519"}, keyRule: "section 3.3.2.1",
		signatures: slices.Concat(pkcs1, pss, ecdsa, []string{"Ed25519"}), signatureRule: "sections 3.3.2 and 3.3.5",
	},
	{
		Name: "bsi", Document: "BSI TR-02102-2 2026-01", About: "the recommendations of the German BSI, on which TR-03116-4 and, for mail, TR-03108-1 build",
		Unseen:   "DNSSEC and DANE, which TR-03108-1 demands: letterlock tlsa, and level dane of the smarthost; the suites of TLS 1.3: Go's crypto/tls always accepts TLS_CHACHA20_POLY1305_SHA256, which is not listed; Encrypt-then-MAC, which it does not have",
		versions: modernVersions, oldVersion: scan.Bad, versionRule: "TLS versions",
		required: []required{{tlspolicy.VersionTLS13, scan.Weak}},
		suites:   slices.Concat(aesGCM, cbcSHA2), suiteRule: "sections 3.3.1 and 3.4.4",
		groups: []string{"P-256", "P-384", "P-521"}, classicalUntil: 2031, groupRule: "sections 3.3.2 and 3.4.2",
		leastRSA: 2000, goodRSA: 3000, curves: []string{"P-256", "P-384", "P-521"}, keyRule: "section 3.6.1",
		signatures: slices.Concat(pss, ecdsa), oldSignatures: pkcs1, signatureRule: "section 3.4.3: PKCS #1 v1.5 until 2025",
	},
	{
		Name: "nist", Document: "NIST SP 800-52r2", About: "the requirements of the United States for servers",
		Unseen:   "OCSP stapling and a validated (FIPS 140) module; the suites of TLS 1.3: Go's crypto/tls always accepts TLS_CHACHA20_POLY1305_SHA256, which is not listed; Encrypt-then-MAC for suites in CBC mode, which it does not have",
		versions: modernVersions, oldVersion: scan.Weak, versionRule: "section 3.1",
		required: []required{{tlspolicy.VersionTLS12, scan.Bad}, {tlspolicy.VersionTLS13, scan.Bad}},
		suites:   slices.Concat(aesGCM, cbcSHA2, cbcSHA1), suiteRule: "section 3.3.1",
		groups: []string{"P-256", "P-384", "P-521"}, groupRule: "section 3.4.2.2",
		leastRSA: 2048, goodRSA: 2048, curves: []string{"P-256", "P-384"}, keyRule: "server certificates",
		signatures: slices.Concat(pkcs1, pss, ecdsa), signatureRule: "server certificates",
		maxDays: 3 * 366, lifetimeRule: "server certificates",
	},
	{
		Name: "mozilla", Document: "Mozilla Server Side TLS 6.0", About: "the configuration intermediate of Mozilla's guideline",
		Unseen:   "HSTS and OCSP stapling, which are for web servers",
		versions: modernVersions, oldVersion: scan.Bad, versionRule: "intermediate: tls_versions",
		required: []required{{tlspolicy.VersionTLS12, scan.Note}, {tlspolicy.VersionTLS13, scan.Weak}},
		suites:   slices.Concat(chaCha, aesGCM), suiteRule: "intermediate: ciphers and ciphersuites",
		groups: []string{"X25519MLKEM768", "X25519", "P-256", "P-384"}, groupRule: "intermediate: tls_curves",
		leastRSA: 2048, goodRSA: 2048, curves: []string{"P-256", "P-384"}, keyRule: "intermediate: rsa_key_size and certificate_curves",
		signatures: slices.Concat([]string{"SHA256-RSA"}, ecdsa), signatureRule: "intermediate: certificate_signatures",
		maxDays: 366, lifetimeRule: "intermediate: maximum_certificate_lifespan",
	},
}

// Named returns the guideline of a name.
func Named(name string) (Guideline, error) {
	for _, g := range guidelines {
		if g.Name == name {
			return g, nil
		}
	}
	return Guideline{}, fmt.Errorf("the guideline %q is not known; known are %s", name, strings.Join(Names(), ", "))
}

// Names lists the guidelines.
func Names() []string {
	names := make([]string, len(guidelines))
	for i, g := range guidelines {
		names[i] = g.Name
	}
	return names
}
