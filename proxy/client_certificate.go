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

// clientCertificate looks at what the client has shown; nil if that is nothing.
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

// unasked are clients that are not asked for a certificate for a while, because
// crypto/tls has ended the handshake over the one that they sent: it cannot be
// told to overlook a certificate that it cannot read. The client comes in when
// it comes again. Nil: all are asked, or none.
type unasked struct {
	mu    sync.Mutex
	until map[netip.Addr]time.Time // by limit.Client
}

const (
	unaskedFor = 7 * 24 * time.Hour
	maxUnasked = 1000
)

// newUnasked returns the memory for a configuration that asks for certificates
// and requires none.
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

// add remembers a client. If there are too many, the one that would be
// forgotten next goes.
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

// learn looks at why a handshake has failed. If it was the client's certificate,
// which is not required, the error says what follows.
func (u *unasked) learn(client netip.Addr, err error, now time.Time) error {
	if u == nil || !aboutCertificate(err) {
		return err
	}
	u.add(client, now)
	return fmt.Errorf("%w; the client is not asked for a certificate in the next %d days", err, unaskedFor/(24*time.Hour))
}

// aboutCertificate knows what crypto/tls says when it does not take a client's
// certificate, or the signature made with it. There is no other sign for it; a
// test shakes hands to hold the words.
func aboutCertificate(err error) bool {
	return strings.Contains(err.Error(), "client certificate") || strings.Contains(err.Error(), "client sent certificate")
}
