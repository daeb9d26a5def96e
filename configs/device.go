package configs

import (
	"fmt"
	"strings"
	"time"
)

// Device is a device or a program that sends mail through the smarthost with some
// senders only.
type Device struct {
	// Its name in the log, and the name with which it logs in.
	Name string `yaml:"name" required:"true" example:"scanner | erp"`

	// The networks from which it sends. Without a login only loopback and private
	// networks are permitted, and the first device with the client's address
	// applies. Default: with a login any network.
	Networks []Network `yaml:"networks" min:"1" example:"[10.1.2.0/24] | "`

	// Whether it must log in. The login needs TLS, so a listener must have a
	// policy.
	Login bool `yaml:"login" default:"false" example:" | true"`

	// The senders that it may use in MAIL: user@example.com, example.com,
	// .example.com for all its subdomains, '<>' for bounces. Default: all.
	Senders []string `yaml:"senders" min:"1" example:"[scanner@example.com] | [example.com]"`

	// Messages an hour. At first as many may come at once. Default: no limit.
	Rate int `yaml:"rate" min:"1" max:"1000000" example:"60 | "`

	// The last day, in UTC, on which it may send mail. Default: no end.
	Until Date `yaml:"until" example:"2027-12-31 | "`
}

// bounceSender stands for the null sender in a list of senders.
const bounceSender = "<>"

// complete converts senders to the form in which they are compared.
func (d *Device) complete() {
	for i, sender := range d.Senders {
		d.Senders[i] = foldEntry(sender)
	}
}

// Ends returns the end of the device's last day; zero: the device has no last day.
func (d Device) Ends() time.Time {
	if d.Until.IsZero() {
		return time.Time{}
	}
	return d.Until.NextDay()
}

// checkDevices checks the devices.
func checkDevices(c *Config, m Machine, at report) {
	s := c.Smarthost
	checkReadable(m, s.DevicePasswords, at.in("device_passwords"))
	names := map[string]bool{}
	for i, d := range s.Devices {
		at := at.in("devices", i)
		checkDeviceName(d, names, at)
		checkDeviceNetworks(c, d, at)
		for j, sender := range d.Senders {
			if sender != bounceSender {
				checkSender(sender, at.in("senders", j))
			}
		}
	}
}

// checkDeviceName checks a name, and adds it to those seen. A line of the file of
// passwords is split at its first colon.
func checkDeviceName(d Device, seen map[string]bool, at report) {
	const longest = 64
	odd := func(r rune) bool { return r <= ' ' || r > '~' || r == ':' }
	switch {
	case d.Name == "":
		at.wrong("write name: and a word", "the device has no name")
	case len(d.Name) > longest || strings.ContainsFunc(d.Name, odd):
		at.in("name").wrong("write up to 64 printable characters without blanks and colons", "%q cannot be the name of a device", d.Name)
	case seen[d.Name]:
		at.in("name").wrong("give each device another name", "%s is named twice", d.Name)
	}
	seen[d.Name] = true
}

// checkDeviceNetworks: a device without a login is recognised by its address, which
// clients from the Internet must not be able to have.
func checkDeviceNetworks(c *Config, d Device, at report) {
	if d.Login {
		if c.Smarthost.DevicePasswords == "" {
			at.in("login").wrong("write smarthost: {device_passwords: FILE}", "the device logs in, but device_passwords is not set")
		}
		return
	}
	if len(d.Networks) == 0 {
		at.wrong("write networks: [10.1.2.0/24] with its address, or login: true", "the device has neither a network nor a login")
	}
	for i, n := range d.Networks {
		if n.IsValid() && !isPrivate(n) {
			at.in("networks", i).wrong("write login: true, or its address in a private network", "%s is not of a private network: any client there could send mail", n)
		}
	}
}

// smarthostWithTLS reports whether a smarthost listener offers TLS.
func (c *Config) smarthostWithTLS() bool {
	for _, l := range c.Listeners {
		if l.Service.Outbound() && l.OffersTLS() {
			return true
		}
	}
	return false
}

// checkSmarthostTLS reports keys about TLS on a smarthost listener without TLS.
func checkSmarthostTLS(_ *Config, l Listener, r report) {
	if l.OffersTLS() {
		return
	}
	for _, key := range []string{"certificates", "acme_hosts", "session_tickets", "exceptions"} {
		if at := r.in(key); at.given() {
			at.misplaced("write policy: strict, so that clients can start TLS, or remove it", "%s means nothing on a smarthost listener without a policy", key)
		}
	}
}

// deviceWords describes a device.
func deviceWords(d Device) string {
	text := d.Name
	if d.Login {
		text += ", with a login inside TLS"
	}
	if len(d.Networks) > 0 {
		text += ", from " + joined(d.Networks)
	}
	if len(d.Senders) > 0 {
		text += ", only as " + strings.Join(d.Senders, ", ")
	}
	if d.Rate > 0 {
		text += fmt.Sprintf(", %d messages an hour", d.Rate)
	}
	if !d.Until.IsZero() {
		text += ", until the end of " + d.Until.String() + " (UTC)"
	}
	return text
}

// warnDevices warns of devices whose time is over or ends soon, and of those that
// cannot log in.
func (c *Config) warnDevices(now time.Time, warn func(key, format string, args ...any)) {
	if c.Smarthost == nil {
		return
	}
	for i, d := range c.Smarthost.Devices {
		if d.Login && !c.smarthostWithTLS() {
			warn(fmt.Sprintf("smarthost.devices[%d].login", i), "%s cannot log in: a login needs TLS, and no smarthost listener has a policy", d.Name)
		}
		key := fmt.Sprintf("smarthost.devices[%d].until", i)
		switch left := d.Ends().Sub(now); {
		case d.Until.IsZero() || left >= exceptionNotice:
		case left <= 0:
			warn(key, "%s may not send mail any more", d.Name)
		default:
			warn(key, "%s may send mail until the end of %s", d.Name, d.Until)
		}
	}
}
