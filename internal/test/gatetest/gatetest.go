// Package gatetest provides the environment of a gate for tests and fuzzing, in
// memory and without waiting: a client whose commands are given in advance, a
// backend that answers each line at once, and a gate.Observer that records.
package gatetest

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

var limits = wire.Limits{Line: 4 << 10, Wait: time.Second, Text: time.Second, Verdict: time.Second, Write: time.Second}

// Back returns the gate's side of a backend.
func Back(backend net.Conn) *wire.Stream {
	lenient := limits
	lenient.Backend = true
	return wire.New(backend, lenient).ForGate()
}

// Session returns a session that ends after a number of wrong commands; its
// Observer is an *Observer.
func Session(errors int) *gate.Session {
	return &gate.Session{
		ID: "ID", Hostname: "mail.example.com", Banner: "ready",
		AuthAllowed: func(*tls.ConnectionState) bool { return true },
		Limits:      gate.Limits{Token: 4 << 10, Literal: 4 << 10, Errors: errors},
		Observer:    &Observer{},
	}
}

// Observer is a gate.Observer that records what it receives.
type Observer struct {
	Full bool // Admit refuses all logins

	RefusedPlaintext []string // the commands that were refused before TLS
	Admitted         []string // the users that Admit was called for
	Logins           []string // user, mechanism and outcome
	Steps            []gate.Step

	Denials    []string // user, mechanism and reason
	Rejections []gate.Rejection
	Messages   []gate.Message
}

// Denied implements gate.Observer.
func (w *Observer) Denied(user, mechanism string, why error) {
	w.Denials = append(w.Denials, strings.TrimSpace(user+" "+mechanism)+": "+why.Error())
}

// Rejected implements gate.Observer.
func (w *Observer) Rejected(r gate.Rejection) { w.Rejections = append(w.Rejections, r) }

// Message implements gate.Observer.
func (w *Observer) Message(m gate.Message) { w.Messages = append(w.Messages, m) }

// EnterStep implements gate.Observer.
func (w *Observer) EnterStep(step gate.Step) error {
	w.Steps = append(w.Steps, step)
	return nil
}

// Refused implements gate.Observer.
func (w *Observer) Refused(command string) { w.RefusedPlaintext = append(w.RefusedPlaintext, command) }

var errFull = errors.New("too many failures")

// Admit implements gate.Observer.
func (w *Observer) Admit(user string) error {
	w.Admitted = append(w.Admitted, user)
	if w.Full {
		return errFull
	}
	return nil
}

// Login implements gate.Observer.
func (w *Observer) Login(user, mechanism string, a gate.Answer) {
	w.Logins = append(w.Logins, user+" "+mechanism+" "+verdicts[a.Outcome])
}

var verdicts = map[gate.Outcome]string{gate.Accepted: "yes", gate.WrongPassword: "no", gate.Unavailable: "unavailable", gate.Rejected: "refused"}
