package world

import (
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
)

// Believers are a Postfix and a Dovecot that accept client addresses from the
// proxy at 127.0.0.1. On its address 127.0.0.2 Dovecot accepts them from no
// client.
type Believers struct {
	Dir              string
	Ports            BelieverPorts
	Postfix, Dovecot *Process

	Listen, Trusted string // where Dovecot listens, and from which addresses it accepts client addresses
	Neighbours      string // the network that may relay through Postfix
	Certificate     Pair   // Dovecot's, for connections with TLS
}

// BelieverPorts are the ports of the two servers. Those behind a header accept
// only connections with a PROXY header.
type BelieverPorts struct {
	SMTP, SMTPBehindHeader int // Postfix
	IMAP, IMAPBehindHeader int // Dovecot
	POP3, POP3BehindHeader int
	Submission, Sieve      int

	TrustingSMTP int // lets every client relay
	IMAPS        int // with implicit TLS
	SMTPLogin    int // Postfix with logins, which Dovecot checks
}

// BelieverPassword is the password of every user.
const BelieverPassword = "word-of-everybody"

// TokenKey is the key of the tokens that this Dovecot accepts: JSON web tokens
// with HS256 and the user as their subject.
const TokenKey = "a key that everybody may know here"

const tokenKeys = "believers/keys/default/HS256" // a folder for each user and algorithm, with a file for each key

// StartBelievers starts both servers. Their Stop ends them.
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
		w.freePorts(&p.SMTP, &p.SMTPBehindHeader, &p.IMAP, &p.IMAPBehindHeader, &p.POP3, &p.POP3BehindHeader, &p.Submission, &p.Sieve, &p.TrustingSMTP, &p.SMTPLogin, &p.IMAPS),
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
	if b.Postfix, err = w.startMaster("believing postfix", filepath.Join(b.Dir, "postfix"), nil); err != nil {
		return b, err
	}
	return b, errors.Join(
		b.Dovecot.ready(p.IMAP, p.IMAPBehindHeader, p.POP3, p.POP3BehindHeader, p.Submission, p.Sieve),
		b.Postfix.ready(p.SMTP, p.SMTPBehindHeader, p.TrustingSMTP, p.SMTPLogin))
}

// Stop ends both servers.
func (b *Believers) Stop() error {
	var errs []error
	for _, p := range []*Process{b.Postfix, b.Dovecot} {
		if p != nil {
			errs = append(errs, p.Stop())
		}
	}
	return errors.Join(errs...)
}

// Program returns the path of the program under test.
func (w *World) Program() string { return w.binary }
