package devices

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/letterlock/letterlock/internal/idn"
)

// Device is a device or a program that sends mail. Its exported fields do not change
// once it is in use.
type Device struct {
	Name     string
	Networks []netip.Prefix // where it connects from; empty: anywhere
	Login    bool           // it is recognised by a login, and not by its address
	Senders  []string       // user@example.com, example.com, .example.com, <>; nil: all
	Rate     int            // messages an hour; 0: no limit
	Until    time.Time      // when it may no longer send mail; zero: never

	mu    sync.Mutex
	level float64 // messages that count, at the time in the next field
	at    time.Time
}

// The reasons for which a device may not send a message.
var (
	ErrSender = errors.New("the device may not use this sender")
	ErrRate   = errors.New("the device has sent as many messages as it may")
	ErrEnded  = errors.New("the time of the device is over")
)

// Permit reports whether the device may send a message from a sender now, and counts
// the message. The error is ErrSender, ErrRate or ErrEnded.
func (d *Device) Permit(sender string) error {
	switch {
	case d.Ended():
		return ErrEnded
	case d.Senders != nil && !d.mayUse(sender):
		return ErrSender
	case !d.count(time.Now()):
		return ErrRate
	}
	return nil
}

// Ended reports whether the last day of the device is over.
func (d *Device) Ended() bool { return !d.Until.IsZero() && !time.Now().Before(d.Until) }

// mayUse reports whether a sender is among those of the device. Only the local part
// is compared as it is written, because its case may have a meaning.
func (d *Device) mayUse(sender string) bool {
	if sender == "" {
		return slices.Contains(d.Senders, "<>")
	}
	at := strings.LastIndexByte(sender, '@')
	if at < 0 {
		return false
	}
	domain, ok := idn.Exact(sender[at+1:])
	return ok && slices.ContainsFunc(d.Senders, func(entry string) bool {
		return entry == domain || strings.HasPrefix(entry, ".") && strings.HasSuffix(domain, entry) ||
			strings.EqualFold(entry, sender[:at+1]+domain)
	})
}

// count counts a message, unless the rate is used up. As many messages as the rate
// are forgotten in an hour.
func (d *Device) count(now time.Time) bool {
	if d.Rate == 0 {
		return true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.level = max(0, d.level-now.Sub(d.at).Hours()*float64(d.Rate))
	d.at = now
	if d.level+1 > float64(d.Rate) {
		return false
	}
	d.level++
	return true
}

// follow takes over the count of the device in the previous configuration.
func (d *Device) follow(before *Device) {
	before.mu.Lock()
	defer before.mu.Unlock()
	d.level, d.at = before.level, before.at
}

func (d *Device) admits(client netip.Addr) bool {
	client = client.Unmap().WithZone("")
	return slices.ContainsFunc(d.Networks, func(n netip.Prefix) bool { return n.Contains(client) })
}
