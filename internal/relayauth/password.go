package relayauth

import (
	"context"
	"errors"
	"sync/atomic"
)

// Password is a password that the administrator can change.
type Password struct {
	read    func() (string, error)
	present atomic.Pointer[string]
}

// NewPassword returns a password, which Load reads.
func NewPassword(read func() (string, error)) *Password { return &Password{read: read} }

var errNoPassword = errors.New("there is no password")

// Load reads the password. If it fails, the previous password stays in use.
func (p *Password) Load() error {
	text, err := p.read()
	if err == nil {
		p.present.Store(&text)
	}
	return err
}

// Get returns the password.
func (p *Password) Get(context.Context) (string, error) {
	if text := p.present.Load(); text != nil {
		return *text, nil
	}
	return "", errNoPassword
}

// IsToken returns false.
func (p *Password) IsToken() bool { return false }

// Expire does nothing: only the administrator changes a password.
func (p *Password) Expire(string) {}
