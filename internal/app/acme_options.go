package app

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/acme"
	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/cluster"
	"github.com/letterlock/letterlock/internal/dnsupdate"
	"github.com/letterlock/letterlock/internal/resolver"
	"github.com/letterlock/letterlock/internal/web"
)

// acmeTerms are the settings that a keeper depends on. Configurations with equal
// terms share a keeper.
type acmeTerms struct {
	email, directory, dir string
	http, tlsALPN         string
	certificates, keys    string // quoted and joined, as are the next two
	sites, dns, dane      string
	profile, chain        string
	kid                   string
	key, roots, secret    [sha256.Size]byte // sums of the files' contents
	limits                web.Limits
	shared                *cluster.Store // of the cluster; nil: none
}

// acmeOptions reads the files that the configuration names. Equal terms mean
// equal options.
func acmeOptions(c *configs.Config) (o acme.Options, terms acmeTerms, err error) {
	a := c.ACME
	o = acme.Options{
		Certificates: c.ACMECertificates(), Email: a.Email, Directory: a.Directory, Profile: a.Profile, Chain: a.PreferredChain,
		Dir: ACMEDir(c), HTTP: a.HTTP, TLSALPN: a.TLSALPN, Limits: webLimits(c.Limits),
	}
	for _, key := range a.Keys {
		o.Keys = append(o.Keys, acme.KeyType(key))
	}
	terms = acmeTerms{
		email: o.Email, directory: o.Directory, dir: o.Dir, http: o.HTTP, tlsALPN: o.TLSALPN, profile: o.Profile, chain: o.Chain,
		certificates: quoted(o.Certificates), keys: quoted(o.Keys), sites: siteTerms(c), limits: o.Limits,
	}
	if a.EAB != nil {
		key, err := readEABKey(a.EAB.KeyFile)
		if err != nil {
			return o, terms, &certs.Fault{File: a.EAB.KeyFile, What: "acme.eab.key_file", Err: err, Remedy: "write the key alone, in base64url as the CA gives it"}
		}
		o.Binding = &acme.Binding{KeyID: a.EAB.KID, Key: key}
		terms.kid, terms.key = a.EAB.KID, sha256.Sum256(key)
	}
	if a.CARoots != "" {
		bundle, err := certs.ReadBundle(a.CARoots)
		if err != nil {
			return o, terms, err
		}
		o.Roots, terms.roots = bundle.Pool, bundle.Sum
	}
	if a.DNS != nil {
		o.Persist, terms.dns = a.DNS.Method == "persist", fmt.Sprintf("%q", *a.DNS)
		if o.DNS, terms.secret, err = dnsClient(a.DNS); err != nil {
			return o, terms, err
		}
	}
	if a.DANE != nil {
		terms.dane = fmt.Sprintf("%q %v %s %s", a.DANE.Hosts, a.DANE.Ports, a.DANE.Publish, a.DANE.TTL)
	}
	return o, terms, nil
}

var errNoUpdater = errors.New("the configuration has no access to DNS: write acme.dns with a method that changes records, such as rfc2136")

// DNSClient returns the access to DNS that the configuration has for changes.
func DNSClient(c *configs.Config) (*dnsupdate.Client, error) {
	if c.ACME == nil || c.ACME.DNS == nil || c.ACME.DNS.Method == "persist" {
		return nil, errNoUpdater
	}
	client, _, err := dnsClient(c.ACME.DNS)
	return client, err
}

// dnsClient returns the access to DNS that answers challenges, and the sum of its
// secret.
func dnsClient(d *configs.ACMEDNS) (client *dnsupdate.Client, sum [sha256.Size]byte, err error) {
	resolvers, err := resolversOf(strings.Fields(d.Resolver))
	if err != nil {
		return nil, sum, fmt.Errorf("acme.dns.resolver: %w", err)
	}
	client = &dnsupdate.Client{Resolver: resolver.Resolver{Address: configs.CompleteResolver(resolvers[0])}, Timeout: d.Timeout}
	if d.Method == "persist" {
		return client, sum, nil
	}
	var secret []byte
	if d.Credentials != "" {
		if secret, err = readSecret(d.Credentials); err != nil {
			return nil, sum, &certs.Fault{File: d.Credentials, What: "acme.dns.credentials", Err: err, Remedy: "let the user that runs the program read it"}
		}
	}
	client.Provider, err = dnsupdate.NewProvider(dnsupdate.Options{Method: d.Method, Server: d.Server, Secret: string(secret), Command: d.Command})
	if err != nil {
		return nil, sum, &certs.Fault{File: d.Credentials, What: "acme.dns.credentials", Err: err, Remedy: "docs/certificates.md shows the form for each method"}
	}
	return client, sha256.Sum256(secret), nil
}

// quoted encodes a list as text. Different lists never become the same text.
func quoted[T any](list []T) string { return fmt.Sprintf("%q", any(list)) }

var errEABKey = errors.New("it must contain exactly one key in base64url")

// readEABKey reads the key of an external account binding (RFC 8555 §7.3.4).
func readEABKey(file string) ([]byte, error) {
	text, err := readSecret(file)
	if err != nil {
		return nil, err
	}
	key, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(strings.TrimSpace(string(text)), "="))
	if err != nil || len(key) == 0 {
		return nil, errEABKey // the cause would contain the key
	}
	return key, nil
}

// ACMEDir returns the folder for a CA. There is one for each CA, because their
// accounts differ, and because a valid certificate of a CA for tests must not
// be used with another CA.
func ACMEDir(c *configs.Config) string {
	plain := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '_'
	}, strings.TrimPrefix(c.ACME.Directory, "https://"))
	return filepath.Join(c.StateDir, "acme", plain)
}
