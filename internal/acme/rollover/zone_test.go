package rollover

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"github.com/letterlock/letterlock/internal/dnsupdate"
	"github.com/letterlock/letterlock/tlspolicy/dane"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// at returns what a server has.
func (w *world) at(server int) []dane.TLSA {
	for _, v := range slices.Backward(w.versions) {
		if !v.at.Add(w.lag[server]).After(time.Now()) {
			return v.records
		}
	}
	return nil
}

func (w *world) publish(records []dane.TLSA) {
	w.versions = append(w.versions, version{time.Now(), records})
}

func (w *world) now() []dane.TLSA { return w.versions[len(w.versions)-1].records }

// send lets every sender verify every certificate, as smarthost does.
func (w *world) send() {
	for i := range w.senders {
		s := &w.senders[i]
		if !time.Now().Before(s.until) {
			if w.down[s.server] {
				continue // the mail waits
			}
			s.records, s.until = w.at(s.server), time.Now().Add(w.ttl)
		}
		for entry, leaf := range w.served {
			w.verify(s, entry, leaf)
			if other := w.late[entry]; other.leaf != nil && time.Now().Before(other.until) {
				w.verify(s, entry, other.leaf)
			}
		}
	}
}

func (w *world) verify(s *sender, entry string, leaf *x509.Certificate) {
	w.sent++
	if len(s.records) == 0 || w.unsigned {
		return // the sender does not verify
	}
	verdict := outbound.Terms{Level: outbound.DANE, Records: s.records}.Judge(&tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}})
	if verdict.Err != nil {
		w.refused = append(w.refused, time.Now().UTC().Format(time.DateTime)+" "+entry+": "+verdict.Err.Error())
	}
}

// The interface DNS.

func (w *world) TLSA(context.Context, string) (dnsupdate.TLSA, error) {
	w.operation()
	found := dnsupdate.TLSA{Zone: "example.test.", Name: name, Secure: !w.unsigned}
	for i := range w.lag {
		s := dnsupdate.TLSAServer{Server: "ns" + string(rune('1'+i))}
		switch {
		case w.down[i]:
			s.Err = errors.New("i/o timeout")
		default:
			if s.Records = w.at(i); len(s.Records) > 0 {
				s.TTL = w.ttl
			}
			if w.lies && i == len(w.lag)-1 {
				s.Records = []dane.TLSA{{Usage: dane.EndEntity, Selector: dane.PublicKey, Matching: dane.SHA256, Data: make([]byte, 32)}}
			}
			if !w.unsigned {
				s.SignedFrom, s.SignedUntil = time.Now().Add(-day), time.Now().Add(day)
			}
			if w.expired {
				s.SignedUntil = time.Now().Add(-time.Hour)
			}
		}
		found.Servers = append(found.Servers, s)
	}
	return found, nil
}

var errRefused = errors.New("REFUSED")

func (w *world) AddTLSA(_ context.Context, _ dnsupdate.TLSA, records []dane.TLSA, _ time.Duration) error {
	w.operation()
	if w.refuses {
		return errRefused
	}
	all := slices.Clone(w.now())
	if w.replaces {
		all = nil
	}
	w.publish(append(all, records...))
	w.operation()
	return nil
}

func (w *world) RemoveTLSA(_ context.Context, _ dnsupdate.TLSA, records []dane.TLSA) error {
	w.operation()
	if w.refuses {
		return errRefused
	}
	w.publish(slices.DeleteFunc(slices.Clone(w.now()), func(have dane.TLSA) bool {
		return slices.ContainsFunc(records, have.Equal)
	}))
	w.operation()
	return nil
}
