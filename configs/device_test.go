package configs

import (
	"strings"
	"testing"
	"time"
)

func TestDescribeDevices(t *testing.T) {
	c := mustParse(t, quiet+`
smarthost:
  device_passwords: /etc/hostname
  devices:
    - {name: scanner, networks: [10.1.2.0/24], senders: [scanner@example.com], rate: 60}
    - {name: erp, login: true, senders: [Example.COM, "<>"], until: 9999-12-30}
  destinations: [{domains: ["*"], rewrite_sender: "relay@Example.com", rewrite_from: true}]
listeners: [{service: smarthosts}, {service: smarthost, policy: compat, exceptions: [{networks: [10.0.0.0/8], policy: opportunistic, weak_login: true, until: 9999-12-31}]}]
`)
	text := Describe(c)
	for _, want := range []string{
		"→ the servers of the recipients, TLS after STARTTLS\n",
		"listener smarthosts on 127.0.0.1:10465 → the servers of the recipients, TLS from the first byte\n  clients:    127.0.0.0/8, ::1/128, in TLS, and devices\n",
		"  clients:    127.0.0.0/8, ::1/128, in plaintext or TLS, and devices\n",
		"  device:     scanner, from 10.1.2.0/24, only as scanner@example.com, 60 messages an hour\n",
		"  device:     erp, with a login inside TLS, only as example.com, <>, until the end of 9999-12-30 (UTC)\n",
		"  policy:     compat\n",
		"10.0.0.0/8 until the end of 9999-12-31 (UTC): policy opportunistic",
		"*, with the sender relay@example.com, also in From\n",
		"policy compat: ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the description lacks %q:\n%s", want, text)
		}
	}
	if len(Warnings(c)) > 0 {
		t.Error(Warnings(c))
	}
}

func TestWarnDevices(t *testing.T) {
	c := mustParse(t, quiet+`
smarthost:
  device_passwords: /etc/hostname
  devices:
    - {name: old, networks: [10.0.0.1], until: 2026-10-01}
    - {name: soon, networks: [10.0.0.2], until: 2026-12-01}
    - {name: later, networks: [10.0.0.3], until: 2027-12-01}
    - {name: erp, login: true}
listeners: [{service: smarthost}]
`)
	var got []string
	c.warnDevices(time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC), func(key, format string, args ...any) {
		got = append(got, Warning{Key: key, Problem: strings.ReplaceAll(format, "%s", args[0].(string))}.String())
	})
	text := strings.Join(got, "\n")
	for _, want := range []string{"devices[0].until: old may not send mail any more", "devices[1].until: soon may send mail until", "devices[3].login: erp cannot log in"} {
		if !strings.Contains(text, want) || len(got) != 3 {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
