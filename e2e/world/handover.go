package world

import (
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
)

// Believers are a Postfix and a Dovecot that believe what the proxy on
// 127.0.0.1 tells them of its clients. On its address 127.0.0.2 the Dovecot
// trusts nobody.
type Believers struct {
	Dir              string
	Ports            BelieverPorts
	Postfix, Dovecot *Process

	Listen, Trusted string // where Dovecot listens, and whom it believes
	Neighbours      string // whom Postfix lets relay
	Certificate     Pair   // of the Dovecot, for those who want TLS
}

// BelieverPorts are where they listen. Those behind a header take nothing
// without one.
type BelieverPorts struct {
	SMTP, SMTPBehindHeader int // Postfix
	IMAP, IMAPBehindHeader int // Dovecot
	POP3, POP3BehindHeader int
	Submission, Sieve      int

	TrustingSMTP int // lets everybody relay
	IMAPS        int // with TLS from the first byte
	SMTPLogin    int // Postfix, for those who log in at the Dovecot, and its neighbours
}

// BelieverPassword is that of every user.
const BelieverPassword = "word-of-everybody"

// TokenKey is the key of the tokens that the believing Dovecot takes: JSON web
// tokens with HS256, and the user as their subject.
const TokenKey = "a key that everybody may know here"

const tokenKeys = "believers/keys/default/HS256" // folders by user and algorithm, and in them files by key

// StartBelievers starts both. They end with their Stop.
func (w *World) StartBelievers(neighbours string) (*Believers, error) {
	b := &Believers{
		Dir: filepath.Join(w.Dir, "believers"), Listen: "127.0.0.1, 127.0.0.2", Trusted: "127.0.0.1", Neighbours: neighbours,
		Certificate: w.certificates[0],
	}
	root, err := w.Root(postfixDovecot)
	if err != nil {
		return nil, err
	}
	p := &b.Ports
	err = errors.Join(
		freePorts(&p.SMTP, &p.SMTPBehindHeader, &p.IMAP, &p.IMAPBehindHeader, &p.POP3, &p.POP3BehindHeader, &p.Submission, &p.Sieve, &p.TrustingSMTP, &p.SMTPLogin, &p.IMAPS),
		w.folders("believers/postfix", "believers/queue", "believers/data", "believers/home", tokenKeys),
		os.WriteFile(filepath.Join(w.Dir, tokenKeys, "default"), []byte(base64.StdEncoding.EncodeToString([]byte(TokenKey))), 0o644),
	)
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		root.give(filepath.Join(b.Dir, "data"), "postfix"), root.give(filepath.Join(b.Dir, "home"), "nobody"),
		w.fill("handover.cf", "believers/postfix/main.cf", b), w.fill("handover-master.cf", "believers/postfix/master.cf", b),
		w.fill("handover-dovecot.conf", "believers/dovecot.conf", b), w.fill("oauth2.conf", "believers/oauth2.conf", b),
	)
	if err != nil {
		return nil, err
	}
	b.Dovecot, err = Run("believing dovecot", root.Command(w.Dir, "dovecot", "-F", "-c", filepath.Join(b.Dir, "dovecot.conf")))
	if err != nil {
		return nil, err
	}
	if b.Postfix, err = w.startMaster("believing postfix", filepath.Join(b.Dir, "postfix")); err != nil {
		return b, err
	}
	return b, errors.Join(
		b.Dovecot.ready(p.IMAP, p.IMAPBehindHeader, p.POP3, p.POP3BehindHeader, p.Submission, p.Sieve),
		b.Postfix.ready(p.SMTP, p.SMTPBehindHeader, p.TrustingSMTP, p.SMTPLogin))
}

// Stop ends both.
func (b *Believers) Stop() error {
	var errs []error
	for _, p := range []*Process{b.Postfix, b.Dovecot} {
		if p != nil {
			errs = append(errs, p.Stop())
		}
	}
	return errors.Join(errs...)
}

// Program is the program under test.
func (w *World) Program() string { return w.binary }
