package app

import (
	"net/netip"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/devices"
	"github.com/letterlock/letterlock/smtp/smarthost"
)

// devicesOf returns the devices of all smarthosts of a generation, and reads their
// passwords.
func (m *maintenance) devicesOf(c *configs.Config) (*devices.Table, error) {
	if m.devices != nil {
		return m.devices, nil
	}
	s := c.Smarthost
	var passwords *devices.Passwords
	if s.DevicePasswords != "" {
		passwords = devices.NewPasswords(s.DevicePasswords)
		if err := m.files.Add(passwords.Load, s.DevicePasswords); err != nil {
			return nil, err
		}
	}
	all := make([]*devices.Device, len(s.Devices))
	for i, d := range s.Devices {
		all[i] = &devices.Device{
			Name: d.Name, Networks: prefixes(d.Networks), Login: d.Login, Senders: d.Senders, Rate: d.Rate, Until: d.Ends(),
		}
		if d.Login && !passwords.Has(d.Name) {
			m.log.Warn("a device has no password, and cannot log in", "device", d.Name, "file", s.DevicePasswords,
				"remedy", "append the output of: letterlock password "+d.Name)
		}
	}
	m.devices = devices.New(all, passwords, m.earlier)
	m.earlier = nil
	return m.devices, nil
}

// admit sets what a client's address permits: mail as a device, any mail, or only a
// login.
func admit(o *smarthost.Options, client netip.Addr, anySender func(netip.Addr) bool, table *devices.Table) {
	if o.TLS && table.MayLogIn(client) {
		o.Devices = table
	}
	o.Client = table.At(client)
	permitted := o.Client != nil || anySender(client)
	o.MustLogIn, o.Denied = !permitted, !permitted && o.Devices == nil
}
