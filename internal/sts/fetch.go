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
	"strconv"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/internal/egress"
	"github.com/letterlock/letterlock/internal/resolver"
	"github.com/letterlock/letterlock/tlspolicy/mtasts"
)

// Fetcher fetches the text of a domain's policy.
type Fetcher interface {
	Fetch(ctx context.Context, domain string) (text string, err error)
}

// fetchTime bounds a fetch. RFC 8461 §3.3 suggests a minute, but a client waits.
const fetchTime = 30 * time.Second

// Web fetches policies by HTTPS (RFC 8461 §3.3): it verifies the certificate, follows no
// redirect, uses no cache, and reads no more bytes than a policy may have.
type Web struct {
	dial  func(ctx context.Context, network, address string) (net.Conn, error)
	roots func() *x509.CertPool
}

// Guard refuses addresses that a DNS record must not lead to; see egress.Guard.
type Guard interface {
	Check(ctx context.Context, to netip.AddrPort, allowed []netip.Prefix) *egress.Refusal
}

// NewWeb returns a Web that looks addresses up with dns, connects to no address that
// guard refuses (nil: it refuses none), and accepts certificates of roots. It calls
// roots for each fetch; nil: the system's authorities.
func NewWeb(dns DNS, guard Guard, roots func() *x509.CertPool) *Web {
	return &Web{dialer{dns, guard}.dial, roots}
}

// Client returns a client for one request. It takes at most fetchTime, verifies the
// certificate, follows no redirect, and connects to no address that the guard refuses.
func (w *Web) Client() *http.Client {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if w.roots != nil {
		config.RootCAs = w.roots()
	}
	return &http.Client{
		Timeout:       fetchTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: w.dial, DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10,
			TLSHandshakeTimeout: fetchTime, TLSClientConfig: config,
		},
	}
}

var errTooLong = errors.New("the policy is too long")

// Fetch fetches the text of a domain's policy.
func (w *Web) Fetch(ctx context.Context, domain string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, mtasts.URL(domain), nil)
	if err != nil {
		return "", err
	}
	response, err := w.Client().Do(request)
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

// dialer connects to hosts by their addresses in DNS.
type dialer struct {
	dns   DNS
	guard Guard
}

// dial looks up and checks the addresses itself, and connects to one of them, so that
// they cannot change between the check and the connection.
func (d dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(text, 10, 16)
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
		for _, r := range answer.Records[:min(len(answer.Records), maxAddresses)] {
			conn, dialled := d.connect(ctx, network, netip.AddrPortFrom(resolver.Address(r), uint16(port)))
			if dialled == nil {
				return conn, nil
			}
			err = dialled
		}
	}
	return nil, err
}

const (
	maxAddresses = 4                // of a family that are tried
	connectTime  = 10 * time.Second // for each of them
)

func (d dialer) connect(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
	if d.guard != nil {
		if refusal := d.guard.Check(ctx, to, nil); refusal != nil {
			return nil, refusal
		}
	}
	dialer := net.Dialer{Timeout: connectTime}
	return dialer.DialContext(ctx, network, to.String())
}
