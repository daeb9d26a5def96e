package send

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/mail"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/tlsreport"
	"github.com/letterlock/letterlock/tlspolicy/mtasts"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// check returns what is wrong with a JSON value; nil: nothing.
type check func(value any) error

var errForm = errors.New("it has another form")

// object checks the members of an object. Names with ? may be missing; others than those
// given may not be there.
func object(members map[string]check) check {
	return func(value any) error {
		o, ok := value.(map[string]any)
		if !ok {
			return errForm
		}
		o = maps.Clone(o)
		for name, check := range members {
			name, optional := strings.CutSuffix(name, "?")
			member, found := o[name]
			if delete(o, name); !found && !optional {
				return fmt.Errorf("%s: %w", name, errForm)
			}
			if found {
				if err := check(member); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
		}
		if len(o) > 0 {
			return fmt.Errorf("unknown members %v: %w", slices.Sorted(maps.Keys(o)), errForm)
		}
		return nil
	}
}

func array(of check) check {
	return func(value any) error {
		all, ok := value.([]any)
		if !ok || len(all) == 0 {
			return errForm
		}
		for i, element := range all {
			if err := of(element); err != nil {
				return fmt.Errorf("%d: %w", i, err)
			}
		}
		return nil
	}
}

func text(valid func(string) bool) check {
	return func(value any) error {
		if s, ok := value.(string); !ok || !valid(s) {
			return fmt.Errorf("%v: %w", value, errForm)
		}
		return nil
	}
}

func matches(pattern string) check {
	return text(regexp.MustCompile(`^(?:` + pattern + `)$`).MatchString)
}

func count(value any) error {
	if n, ok := value.(json.Number); !ok || !regexp.MustCompile(`^(0|[1-9][0-9]*)$`).MatchString(n.String()) {
		return fmt.Errorf("%v: %w", value, errForm)
	}
	return nil
}

const domainForm = `[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+`

var (
	instant = text(func(s string) bool { // RFC 3339, in UTC
		_, err := time.Parse(time.RFC3339, s)
		return err == nil && strings.HasSuffix(s, "Z")
	})
	address = text(func(s string) bool {
		a, err := netip.ParseAddr(s)
		return err == nil && a.Zone() == ""
	})
	line = matches(`[!-~]([ -~]*[!-~])?`)

	// reportForm is the form of a report in the text of RFC 8460 §4.4, with its errata
	// 6241: mx-host is an array.
	reportForm = object(map[string]check{
		"organization-name": line,
		"date-range":        object(map[string]check{"start-datetime": instant, "end-datetime": instant}),
		"contact-info":      matches(`[-a-z0-9.+]+@` + domainForm),
		"report-id":         matches(`[-a-z0-9.]+@` + domainForm),
		"policies": array(object(map[string]check{
			"policy": object(map[string]check{
				"policy-type":    matches(`tlsa|sts|no-policy-found`),
				"policy-string?": array(line),
				"policy-domain":  matches(domainForm),
				"mx-host?":       array(matches(`(\*\.)?` + domainForm)),
			}),
			"summary": object(map[string]check{"total-successful-session-count": count, "total-failure-session-count": count}),
			"failure-details?": array(object(map[string]check{
				"result-type": matches(`starttls-not-supported|certificate-host-mismatch|certificate-not-trusted|certificate-expired|validation-failure|` +
					`tlsa-invalid|dnssec-invalid|dane-required|sts-policy-fetch-error|sts-policy-invalid|sts-webpki-invalid`),
				"sending-mta-ip?":         address,
				"receiving-mx-hostname?":  matches(domainForm),
				"receiving-mx-helo?":      line,
				"receiving-ip?":           address,
				"failed-session-count":    count,
				"additional-information?": matches(`https://[!-~]+`),
				"failure-reason-code?":    matches(`[ -~]+`),
			})),
		})),
	})
)

// attachment returns the JSON text of the report in a message.
func attachment(t *testing.T, message string) []byte {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	for parts := multipart.NewReader(m.Body, params["boundary"]); ; {
		part, err := parts.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		if part.Header.Get("Content-Type") != "application/tlsrpt+gzip" && !strings.HasPrefix(part.Header.Get("Content-Type"), "application/tlsrpt+gzip;") {
			continue
		}
		zipped, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, part))
		if err != nil {
			t.Fatal(err)
		}
		plain, err := gzip.NewReader(bytes.NewReader(zipped))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(plain)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
}

// A report with every policy and every kind of failure has the form of RFC 8460, and its
// counts agree. The checks share nothing with the code that writes reports.
func TestReportHasTheFormOfTheStandard(t *testing.T) {
	w := newWorld(t, "v=TLSRPTv1; rua=mailto:tls@a.example", ed25519Key(t))
	w.set(morning.Add(-12 * time.Hour))
	untrusted := &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}
	failures := []error{
		tlsreport.ErrNoSTARTTLS, tlsreport.ErrTLSALookup, tlsreport.ErrTLSAUnusable, tlsreport.ErrNoTLSA, errDNS,
		&outbound.WrongName{Names: []string{"mx.other.example"}}, x509.UnknownAuthorityError{}, x509.CertificateInvalidError{Reason: x509.Expired},
		&mtasts.Unavailable{Err: errDNS}, &mtasts.Unavailable{Invalid: true, Err: errDNS}, &mtasts.Unavailable{Err: untrusted},
	}
	for _, p := range []tlsreport.Policy{
		{Kind: tlsreport.TLSA, Domain: "mx.a.example", Lines: []string{"3 1 1 00ff"}}, {Kind: tlsreport.TLSA, Domain: "mx2.a.example"},
		{Kind: tlsreport.NoPolicy, Domain: "a.example"}, {Kind: tlsreport.STS, Domain: "a.example", Lines: []string{"version: STSv1", "mode: testing"}, MX: []string{"*.a.example"}},
	} {
		for _, err := range append(failures, nil) {
			s := tlsreport.Session{Domain: "a.example", Policy: p, Server: tlsreport.Server{Host: "mx.a.example", IP: "2001:db8::25"}, Sender: "198.51.100.1", Err: err}
			if err := w.o.Days.Add(context.Background(), s, ""); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.Work()
	w.set(morning)
	w.work(1)
	text := attachment(t, w.mails[0])
	var value any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		t.Fatal(err)
	}
	if err := reportForm(value); err != nil {
		t.Errorf("%v in\n%s", err, text)
	}
	kinds := map[string]bool{}
	for _, p := range value.(map[string]any)["policies"].([]any) {
		failed, _ := p.(map[string]any)["summary"].(map[string]any)["total-failure-session-count"].(json.Number).Int64()
		details, _ := p.(map[string]any)["failure-details"].([]any)
		for _, f := range details {
			n, _ := f.(map[string]any)["failed-session-count"].(json.Number).Int64()
			failed -= n
			kinds[f.(map[string]any)["result-type"].(string)] = true
		}
		if failed != 0 {
			t.Errorf("the failures of a policy add up to %d too few", failed)
		}
	}
	if len(kinds) != len(failures) {
		t.Errorf("%d kinds of failures: %v", len(kinds), kinds)
	}
}
