package send

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/emersion/go-msgauth/dkim"
)

// DKIM signs messages. RFC 8460 §3 demands it.
type DKIM struct {
	Domain, Selector string
	Key              func() (crypto.Signer, error) // is called for each message
}

const boundary = "=_letterlock-tlsrpt" // no line of text and none of base64 begins with it

// message writes the mail with a report (RFC 8460 §5.3), and signs it.
func (s *Sender) message(r report, to string, now time.Time) ([]byte, error) {
	var b bytes.Buffer
	for _, field := range [][2]string{
		{"From", "<" + s.o.From + ">"},
		{"To", "<" + to + ">"},
		{"Subject", "Report Domain: " + r.domain + "\r\n Submitter: " + r.submitter + "\r\n Report-ID: <" + r.id + ">"},
		{"Date", now.UTC().Format(time.RFC1123Z)},
		{"Message-ID", "<" + r.id + ">"},
		{"Auto-Submitted", "auto-generated"},
		{"TLS-Report-Domain", r.domain},
		{"TLS-Report-Submitter", r.submitter},
		{"TLS-Required", "No"}, // a report about broken TLS must arrive (RFC 8460 §5.3.1, RFC 8689 §5)
		{"MIME-Version", "1.0"},
		{"Content-Type", "multipart/report; report-type=\"tlsrpt\";\r\n boundary=\"" + boundary + "\""},
	} {
		fmt.Fprintf(&b, "%s: %s\r\n", field[0], field[1])
	}
	fmt.Fprintf(&b, "\r\n--%s\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n", boundary)
	fmt.Fprintf(&b, "This is a report about TLS with the mail servers of %s on %s (UTC),\r\nas seen by %s (RFC 8460).\r\n", r.domain, r.from.Format(time.DateOnly), r.submitter)
	fmt.Fprintf(&b, "\r\n--%s\r\nContent-Type: application/tlsrpt+gzip\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment;\r\n filename=%q\r\n\r\n", boundary, r.file())
	writeBase64(&b, r.zipped)
	fmt.Fprintf(&b, "--%s--\r\n", boundary)
	return s.sign(b.Bytes())
}

// lineBytes become a line of 76 characters (RFC 2045 §6.8).
const lineBytes = 57

func writeBase64(b *bytes.Buffer, data []byte) {
	for len(data) > 0 {
		n := min(len(data), lineBytes)
		b.WriteString(base64.StdEncoding.EncodeToString(data[:n]))
		b.WriteString("\r\n")
		data = data[n:]
	}
}

// sign returns the message with its signature. All fields of the header are signed.
func (s *Sender) sign(message []byte) ([]byte, error) {
	key, err := s.o.DKIM.Key()
	if err != nil {
		return nil, fmt.Errorf("the DKIM key: %w", err)
	}
	var b bytes.Buffer
	err = dkim.Sign(&b, bytes.NewReader(message), &dkim.SignOptions{
		Domain: s.o.DKIM.Domain, Selector: s.o.DKIM.Selector, Signer: key,
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
	})
	return b.Bytes(), err
}
