package app

import (
	"crypto/tls"
	"slices"
	"time"

	"github.com/letterlock/letterlock/internal/acme"
	"github.com/letterlock/letterlock/internal/certs"
)

// prepare puts the accepted certificates of an earlier process back, where a new one is
// stored that clients would refuse. This needs no handshake, so that no client receives
// the refused one after a start.
func (s *servedCheck) prepare(g *generation) {
	if g.config.ServedCheck == "off" {
		return
	}
	s.checking.Lock()
	defer s.checking.Unlock()
	s.recall(g, certs.Inspection{Roots: s.roots(g), Now: time.Now()})
}

// recall adds the accepted certificates that the ACME keeper has stored to those that
// check knows, and puts them back.
func (s *servedCheck) recall(g *generation, in certs.Inspection) {
	for key, store := range g.stores {
		for _, c := range g.acme.substitutes(store) {
			if !slices.ContainsFunc(s.accepted[key], func(have tls.Certificate) bool { return sameLeaf(have, c.Previous) }) {
				s.accepted[key] = append(slices.Clip(s.accepted[key]), c.Previous)
			}
			s.replace(key, store, c, in)
		}
	}
}

// replace puts the certificate before a new one back if clients would refuse the new one.
func (s *servedCheck) replace(key string, store *certs.Store, c acme.Substitute, in certs.Inspection) {
	for _, name := range servedNames("", []tls.Certificate{c.Present}) {
		problem := in.Refusal(c.Present, name)
		if problem == "" || in.Refusal(c.Previous, name) != "" || !serves(store, c.Present) || serves(store, c.Previous) {
			continue
		}
		s.putBack(key, store, rejection{cert: c.Present, instead: c.Previous, name: name, problem: problem}, in.Now)
	}
}

// substitutes lists the certificates of a store that clients have not accepted yet, and
// those before them. With new keys at renewals the latter must not be served.
func (s *acmeManager) substitutes(store *certs.Store) []acme.Substitute {
	if s == nil || s.rollover != nil {
		return nil
	}
	s.mu.Lock()
	client, ok := s.clients[store]
	s.mu.Unlock()
	if !ok {
		return nil
	}
	return s.keeper.Substitutes(client.hosts)
}

// judge tells the ACME keeper which certificates clients accept and which they refuse, so
// that it orders others. A failed handshake is no reason for an order: the policy of the
// listener and the key do not fit.
func (s *servedCheck) judge(m *acmeManager, all []servedAt) {
	if m == nil {
		return
	}
	var good []seenCertificate
	reported := map[string]bool{} // by certificate
	refuse := func(c tls.Certificate, problem string) {
		reported[string(c.Leaf.Raw)] = true
		m.keeper.Refused(c.Leaf, problem)
	}
	for _, rejections := range s.rejected {
		for _, r := range rejections {
			if !r.failed {
				refuse(r.cert, r.problem)
			}
		}
	}
	for _, at := range all {
		for _, seen := range at.seen {
			if seen.problem == "" {
				good = append(good, seen)
			} else if !seen.failed {
				refuse(seen.cert, seen.problem)
			}
		}
	}
	for _, seen := range good {
		if !reported[string(seen.cert.Leaf.Raw)] {
			reported[string(seen.cert.Leaf.Raw)] = true
			m.keeper.Accepted(seen.cert.Leaf)
		}
	}
}
