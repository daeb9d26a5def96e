package sts

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/internal/resolver"
	"github.com/letterlock/letterlock/tlspolicy/mtasts"
)

// Fetcher gets the text of a domain's policy.
type Fetcher interface {
	Fetch(ctx context.Context, domain string) (text string, err error)
}

// fetchTime bounds a fetch (RFC 8461 §3.3 suggests a minute; somebody waits).
const fetchTime = 30 * time.Second

// Web fetches policies by HTTPS, as RFC 8461 §3.3 has it: with a certificate
// that is checked, without redirects and caches, and no more than a policy can
// be.
type Web struct {
	client *http.Client
}

// NewWeb asks the DNS for addresses; own are those at which nobody's policy
// can be (nil: none), and roots vouch for the servers (nil: the system's).
func NewWeb(dns DNS, own func(netip.Addr) bool, roots *x509.CertPool) *Web {
	d := dialer{dns, own}
	return &Web{&http.Client{
		Timeout:       fetchTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: d.dial, DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10,
			TLSHandshakeTimeout: fetchTime, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		},
	}}
}

var errTooLong = errors.New("the policy is too long")

// Fetch gets the text of a domain's policy.
func (w *Web) Fetch(ctx context.Context, domain string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, mtasts.URL(domain), nil)
	if err != nil {
		return "", err
	}
	response, err := w.client.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	switch {
	case response.StatusCode != http.StatusOK:
		return "", fmt.Errorf("%s answers %s", request.URL, response.Status)
	case kind != "text/plain":
		return "", fmt.Errorf("%s is of type %q, not text/plain", request.URL, kind)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, mtasts.MaxText+1))
	if err == nil && len(text) > mtasts.MaxText {
		err = errTooLong
	}
	return string(text), err
}

// dialer reaches hosts by the addresses that the DNS has.
type dialer struct {
	dns DNS
	own func(netip.Addr) bool
}

func (d dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	err = fmt.Errorf("%s has no address", host)
	for _, kind := range []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA} {
		answer, asked := d.dns.Ask(ctx, host, kind)
		if asked != nil {
			err = asked
			continue
		}
		for _, r := range answer.Records[:min(len(answer.Records), 4)] {
			ip := resolver.Address(r)
			if !ip.IsValid() || d.own != nil && d.own(ip) {
				continue
			}
			conn, dialled := new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(ip.String(), port))
			if dialled == nil {
				return conn, nil
			}
			err = dialled
		}
	}
	return nil, err
}
