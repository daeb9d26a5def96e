package proxy

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/letterlock/letterlock/internal/limit"
	"github.com/letterlock/letterlock/internal/observe"
)

// maxSubject bounds what a client can put into the log, in bytes.
const maxSubject = 256

// clientCertificate describes the client's certificate; nil if there is none.
func (l *Listener) clientCertificate(state *tls.ConnectionState) *observe.ClientCertificate {
	if len(state.PeerCertificates) == 0 || l.VerifyClient == nil {
		return nil
	}
	leaf := state.PeerCertificates[0]
	print := sha256.Sum256(leaf.Raw)
	subject := strings.ToValidUTF8(leaf.Subject.String(), "\uFFFD")
	if len(subject) > maxSubject {
		subject = strings.ToValidUTF8(subject[:maxSubject], "") + "…"
	}
	return &observe.ClientCertificate{Subject: subject, Fingerprint: hex.EncodeToString(print[:]), Err: l.VerifyClient(state)}
}

// unasked holds clients that are not asked for a certificate for a while, because
// crypto/tls has ended the handshake over their certificate: it has no option to
// ignore a certificate that it cannot parse. The client's next connection succeeds.
// Nil: all clients are asked, or none.
type unasked struct {
	mu    sync.Mutex
	until map[netip.Addr]time.Time // by limit.Client
}

const (
	unaskedFor = 7 * 24 * time.Hour
	maxUnasked = 1000
)

// newUnasked returns the clients of a configuration that asks for certificates
// and requires none; nil for other configurations.
func newUnasked(config *tls.Config) *unasked {
	if config.ClientAuth != tls.RequestClientCert || config.VerifyConnection != nil {
		return nil
	}
	return &unasked{until: map[netip.Addr]time.Time{}}
}

func (u *unasked) has(client netip.Addr, now time.Time) bool {
	if u == nil {
		return false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return now.Before(u.until[limit.Client(client)])
}

// add adds a client. If there are too many, it replaces the client that would
// expire next.
func (u *unasked) add(client netip.Addr, now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	client = limit.Client(client)
	if _, there := u.until[client]; !there && len(u.until) >= maxUnasked {
		var next netip.Addr
		for c, until := range u.until {
			if !next.IsValid() || until.Before(u.until[next]) {
				next = c
			}
		}
		delete(u.until, next)
	}
	u.until[client] = now.Add(unaskedFor)
}

// learn adds the client if its certificate, which is not required, made the
// handshake fail. It returns the error with that consequence.
func (u *unasked) learn(client netip.Addr, err error, now time.Time) error {
	if u == nil || !aboutCertificate(err) {
		return err
	}
	u.add(client, now)
	return fmt.Errorf("%w; the client is not asked for a certificate in the next %d days", err, unaskedFor/(24*time.Hour))
}

// aboutCertificate reports whether crypto/tls has rejected a client's certificate,
// or the signature made with it. The text is the only sign; a test does such
// handshakes, so that it notices a change.
func aboutCertificate(err error) bool {
	return strings.Contains(err.Error(), "client certificate") || strings.Contains(err.Error(), "client sent certificate")
}
