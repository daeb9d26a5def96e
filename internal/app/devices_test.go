package app

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"

	"github.com/letterlock/letterlock/internal/devices"
	"github.com/letterlock/letterlock/internal/inventory"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
)

const deviceConfiguration = `
hostname: mail.example.com
certificates: [{cert: cert.pem, key: key.pem}]
smarthost:
  resolvers: [127.0.0.1]
  clients: [10.0.0.5]
  device_passwords: device-passwords
  devices:
    - {name: scanner, login: true, senders: [scanner@example.com], rate: 100}
    - {name: fax, login: true}
  destinations: [{domains: ["*"], next_hop: "[{host}]%s", level: none, rewrite_sender: relay@example.com}]
listeners:
  - {service: smarthost, listen: "{host}:0", policy: strict, exceptions: [{networks: [127.0.0.0/8], policy: opportunistic, weak_login: true, until: 9999-12-31}]}
`

// passwordLine returns the line of a device for device_passwords.
func passwordLine(t *testing.T, name, password string) string {
	t.Helper()
	line, err := devices.Line(name, password)
	if err != nil {
		t.Fatal(err)
	}
	return line + "\n"
}

// sendAs sends a message as a device, over a version of TLS.
func (w *world) sendAs(version uint16, name, password, from string) error {
	w.Helper()
	c, err := gosmtp.DialStartTLS(w.Addresses()[0].String(), &tls.Config{RootCAs: w.ca.Pool, ServerName: "mail.example.com", MinVersion: version, MaxVersion: version})
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if err := c.Auth(sasl.NewPlainClient("", name, password)); err != nil {
		return err
	}
	if err := c.SendMail(from, []string{"bob@example.net"}, strings.NewReader("Subject: hello\r\n\r\nhello\r\n")); err != nil {
		return err
	}
	return c.Quit()
}

// An old device logs in with TLS 1.0 by an exception, and is in the inventory. Its
// password is in no log line.
func TestDevices(t *testing.T) {
	address, serve := remote(t)
	const first, second = "first password of it", "second password of it"
	w := newWorld(t, fmt.Sprintf(deviceConfiguration, strings.TrimPrefix(address, loopback.Host())),
		withFiles(map[string]string{"device-passwords": passwordLine(t, "scanner", first)}))
	serve(w.ca.ECDSA(t, "mx.example.net"))
	if err := w.sendAs(tls.VersionTLS10, "scanner", first, "scanner@example.com"); err != nil {
		t.Fatal(err)
	}
	for what, tt := range map[string]struct{ name, password, from, want string }{
		"wrong password":        {"scanner", second, "scanner@example.com", "535"},
		"device without a line": {"fax", first, "scanner@example.com", "535"},
		"another sender":        {"scanner", first, "boss@example.com", "550"},
	} {
		if err := w.sendAs(tls.VersionTLS13, tt.name, tt.password, tt.from); err == nil || !strings.Contains(err.Error(), "SMTP error "+tt.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := os.WriteFile(filepath.Join(w.folder, "device-passwords"), []byte(passwordLine(t, "scanner", second)), 0o600); err != nil {
		t.Fatal(err)
	}
	w.now.Load().maintenance.files.Reload()
	if err := w.sendAs(tls.VersionTLS12, "scanner", second, "scanner@example.com"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`msg="a device has no password, and cannot log in" device=fax`, `device=scanner`, `reply="550 5.7.1 scanner may not use the sender <boss@example.com>"`,
	} {
		if !strings.Contains(w.log.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, w.log)
		}
	}
	if strings.Contains(w.log.String(), first) || strings.Contains(w.log.String(), second) {
		t.Error("a password is in the log")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.Shutdown(ctx)
	wait.Until(t, "the device is not in the inventory", func() bool {
		kept, err := inventory.Read(filepath.Join(w.folder, "state", "inventory.db"), time.Hour, time.Now())
		if err != nil {
			return false
		}
		for _, e := range kept.Entries {
			if e.User == "scanner" && e.Version == tls.VersionTLS10 && e.Exception == "127.0.0.0/8" {
				return true
			}
		}
		return false
	})
}

// A reload does not forget the messages that a device has sent.
func TestDeviceRateOutlivesAReload(t *testing.T) {
	address, serve := remote(t)
	w := newWorld(t, fmt.Sprintf(deviceConfiguration, strings.TrimPrefix(address, loopback.Host())),
		withFiles(map[string]string{"device-passwords": passwordLine(t, "scanner", "its password")}))
	serve(w.ca.ECDSA(t, "mx.example.net"))
	w.configure(strings.Replace(fmt.Sprintf(deviceConfiguration, strings.TrimPrefix(address, loopback.Host())), "rate: 100", "rate: 1", 1))
	for _, want := range []string{"", "451"} {
		w.Reload()
		if err := w.sendAs(tls.VersionTLS13, "scanner", "its password", "scanner@example.com"); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
