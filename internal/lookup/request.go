package lookup

import (
	"context"
	"crypto/sha1" //nolint:gosec // nginx identifies certificates by SHA-1
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Query describes a login whose backend is asked for.
type Query struct {
	Protocol  string // smtp, imap, pop3 or sieve
	Mechanism string // of SASL, or the protocol's command; in upper case
	User      string // whose mail is requested
	Owner     string // of the password, if that is another user
	Password  string // empty if the mechanism sends none
	Attempt   int    // counts the lookups of the session, from 1
	Client    netip.Addr
	HostName  string               // of the client; empty: unknown
	Hello     string               // of SMTP; empty: none
	TLS       *tls.ConnectionState // with the client
	Verify    string               // SUCCESS, NONE or FAILED:reason for the client's certificate; empty: it was not requested
}

// field is a header of a request.
type field struct{ name, value string }

// fields returns the headers of a request but Auth-Login-Attempt. Equal queries have
// equal fields.
func (q Query) fields(withPassword, withCertificate bool) []field {
	var all []field
	add := func(name, value string) {
		if value != "" {
			all = append(all, field{name, escape(value)})
		}
	}
	all = append(all, field{"Auth-Method", method(q.Mechanism)}, field{"Auth-User", escape(q.User)})
	if withPassword {
		add("Auth-Pass", q.Password)
	}
	if q.Owner != q.User {
		add("Auth-Login-User", q.Owner)
	}
	add("Auth-Protocol", q.Protocol)
	add("Client-IP", q.Client.String())
	add("Client-Host", q.HostName)
	add("Auth-SMTP-Helo", q.Hello)
	if q.TLS != nil {
		add("Auth-SSL", "on")
		add("Auth-SSL-Protocol", strings.ReplaceAll(tls.VersionName(q.TLS.Version), "TLS ", "TLSv"))
		add("Auth-SSL-Cipher", tls.CipherSuiteName(q.TLS.CipherSuite))
		add("Auth-SSL-Verify", q.Verify)
		if certificates := q.TLS.PeerCertificates; len(certificates) > 0 {
			all = append(all, certificateFields(certificates[0])...)
			if withCertificate {
				add("Auth-SSL-Cert", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificates[0].Raw})))
			}
		}
	}
	return all
}

// method returns nginx's name of a mechanism. It has one for all that send the password.
func method(mechanism string) string {
	switch mechanism {
	case "PLAIN", "LOGIN", "USER":
		return "plain"
	}
	return escape(strings.ToLower(mechanism))
}

// certificateFields describes the client's certificate. The fingerprint is SHA-1, as
// nginx computes it.
func certificateFields(c *x509.Certificate) []field {
	sum := sha1.Sum(c.Raw) //nolint:gosec // see the import
	return []field{
		{"Auth-SSL-Subject", escape(c.Subject.String())}, {"Auth-SSL-Issuer", escape(c.Issuer.String())},
		{"Auth-SSL-Serial", strings.ToUpper(hex.EncodeToString(c.SerialNumber.Bytes()))}, {"Auth-SSL-Fingerprint", hex.EncodeToString(sum[:])},
	}
}

// escape encodes control characters, the space and the percent sign as %XX: those that
// nginx encodes, and DEL. A value cannot end its header.
func escape(value string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(value) {
		switch c := value[i]; {
		case c <= ' ', c == '%', c == 0x7f:
			b.WriteByte('%')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&15])
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// set lists the headers of a request, in the form of textproto.CanonicalMIMEHeaderKey.
var set = []string{
	"Auth-Method", "Auth-User", "Auth-Pass", "Auth-Login-User", "Auth-Protocol", "Auth-Login-Attempt", "Client-Ip", "Client-Host", "Auth-Smtp-Helo",
	"Auth-Ssl", "Auth-Ssl-Protocol", "Auth-Ssl-Cipher", "Auth-Ssl-Verify", "Auth-Ssl-Subject", "Auth-Ssl-Issuer", "Auth-Ssl-Serial", "Auth-Ssl-Fingerprint", "Auth-Ssl-Cert",
}

// Sets reports whether a request has a header of this name, in the form of
// textproto.CanonicalMIMEHeaderKey: the configuration cannot add it.
func Sets(name string) bool { return slices.Contains(set, name) }

// headerOf returns the header of a request. A configured header replaces none of ours.
func headerOf(fields []field, attempt int, configured http.Header) http.Header {
	header := http.Header{"User-Agent": nil}
	for name, values := range configured {
		header[name] = values
	}
	for _, f := range fields {
		header[f.name] = []string{f.value} // the case of nginx, which net/http would change
	}
	header["Auth-Login-Attempt"] = []string{strconv.Itoa(attempt)}
	return header
}

// closeBody reads the body if it is short and arrives soon, so that the connection can
// be used again. The login does not wait for a body that is missing: cancel ends the
// request.
func closeBody(response *http.Response, cancel context.CancelFunc) {
	if response.ContentLength >= 0 && response.ContentLength <= maxBody {
		defer time.AfterFunc(bodyTime, cancel).Stop()
		_, _ = io.CopyN(io.Discard, response.Body, maxBody)
	}
	_ = response.Body.Close()
}
