package devices

import (
	"context"
	"errors"
	"net/netip"
	"slices"
)

// Table holds all devices.
type Table struct {
	devices   []*Device
	passwords *Passwords    // nil: no device logs in
	turns     chan struct{} // one for each password that is computed at the same time
}

// maxTurns bounds the passwords that are computed at the same time: each takes 19
// MiB and some 20 ms.
const maxTurns = 4

// New returns a table of devices. The counts of devices that were in the previous
// table continue; before may be nil.
func New(all []*Device, passwords *Passwords, before *Table) *Table {
	t := &Table{devices: all, passwords: passwords, turns: make(chan struct{}, maxTurns)}
	for _, d := range all {
		if earlier := before.named(d.Name); earlier != nil {
			d.follow(earlier)
		}
	}
	return t
}

// named returns the device with a name; nil: no device has it.
func (t *Table) named(name string) *Device {
	if t == nil {
		return nil
	}
	i := slices.IndexFunc(t.devices, func(d *Device) bool { return d.Name == name })
	if i < 0 {
		return nil
	}
	return t.devices[i]
}

// At returns the first device that sends without a login from an address; nil: there
// is none.
func (t *Table) At(client netip.Addr) *Device {
	i := slices.IndexFunc(t.devices, func(d *Device) bool { return !d.Login && d.admits(client) })
	if i < 0 {
		return nil
	}
	return t.devices[i]
}

// MayLogIn reports whether a device may log in from an address.
func (t *Table) MayLogIn(client netip.Addr) bool {
	return slices.ContainsFunc(t.devices, func(d *Device) bool { return d.Login && (len(d.Networks) == 0 || d.admits(client)) })
}

// ErrLogin says that the name or the password is wrong, or that the device may not
// log in from this address. It is one error for all, so that names cannot
// be guessed.
var ErrLogin = errors.New("wrong name or password")

// LogIn returns the device with this name and password. An unknown name takes as long
// as a wrong password. The error is ErrLogin, or that of ctx.
func (t *Table) LogIn(ctx context.Context, client netip.Addr, name, password string) (*Device, error) {
	select {
	case t.turns <- struct{}{}:
		defer func() { <-t.turns }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	d := t.named(name)
	right := t.passwords.Verify(name, password)
	if d == nil || !d.Login || !right || len(d.Networks) > 0 && !d.admits(client) {
		return nil, ErrLogin
	}
	return d, nil
}
