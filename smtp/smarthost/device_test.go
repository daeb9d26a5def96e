package smarthost_test

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/configs"
)

const devicePass = "correct horse battery staple"

// newDevices returns a world whose smarthost offers TLS and has devices. No other
// client may send mail.
func newDevices(t *testing.T, list ...configs.Device) (*world, *inbox) {
	t.Helper()
	w, b := newWorld(t), &inbox{}
	w.domain("example.net", may, b.serve())
	w.config.Smarthost.Clients = []configs.Network{{Prefix: netip.MustParsePrefix("192.0.2.0/24")}}
	w.config.Smarthost.Devices = list
	w.config.Smarthost.DevicePasswords = passwordFile(t, "erp")
	w.config.Listeners[0].Policy = "strict"
	w.config.Limits.Errors = 20
	return w, b
}

// passwordFile writes the password of a device, with a hash that costs little.
func passwordFile(t *testing.T, name string) string {
	t.Helper()
	const hash = "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$TUhCoV6YH8thtZpQqRp0JvQQ5ZYgiLA0LYApKDG6qtM"
	file := filepath.Join(t.TempDir(), "passwords")
	if err := os.WriteFile(file, []byte(name+":"+hash+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

var (
	thisMachine = []configs.Network{{Prefix: netip.MustParsePrefix("127.0.0.0/8")}}
	erp         = configs.Device{Name: "erp", Login: true, Senders: []string{"erp@example.com"}}
)

// encrypted starts TLS in a session.
func (c client) encrypted(w *world) client {
	c.t.Helper()
	c.command("STARTTLS", "220 2.0.0")
	conn := tls.Client(c.Conn, &tls.Config{RootCAs: w.ca.Pool, ServerName: "mail.example.com"})
	if err := conn.Handshake(); err != nil {
		c.t.Fatal(err)
	}
	c.Conn, c.received = conn, bufio.NewReader(conn)
	return c
}

func plain(identity, name, password string) string {
	return "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte(identity+"\x00"+name+"\x00"+password))
}

// A device is recognised by its address, and may use its senders only.
func TestD11_DeviceByAddress(t *testing.T) {
	t.Parallel()
	w, b := newDevices(t, configs.Device{Name: "scanner", Networks: thisMachine, Senders: []string{"scanner@example.com", "example.org"}})
	c := w.session()
	c.command("MAIL FROM:<boss@example.com>", "550 5.7.1 scanner may not use the sender <boss@example.com>")
	c.command("MAIL FROM:<>", "550 5.7.1 scanner may not use the sender <>")
	c.command("RCPT TO:<bob@example.net>", "503")
	c.command("MAIL FROM:<any@example.org>", "250")
	c.command("RCPT TO:<bob@example.net>", "250")
	c.command("DATA", "354")
	c.command("text\r\n.", "250")
	if messages, _, _ := b.got(); len(messages) != 1 || !strings.HasPrefix(messages[0], "<any@example.org> <bob@example.net>") {
		t.Errorf("%q", messages)
	}
	if notes := w.read(); !strings.Contains(notes, "device scanner; example.net by") {
		t.Error(notes)
	}
}

func TestD11_DeviceSendsTooMuch(t *testing.T) {
	t.Parallel()
	w, b := newDevices(t, configs.Device{Name: "scanner", Networks: thisMachine, Rate: 2})
	c := w.session()
	c.send("example.net", "250", "250")
	c.send("example.net", "250", "250")
	c.command("MAIL FROM:<a@example.com>", "451 4.7.1 scanner has sent as many messages as it may")
	w.session().command("MAIL FROM:<a@example.com>", "451 4.7.1")
	if messages, _, _ := b.got(); len(messages) != 2 {
		t.Errorf("%d messages", len(messages))
	}
}

func TestD11_DeviceIsOver(t *testing.T) {
	t.Parallel()
	ended := configs.Date{Time: time.Now().AddDate(0, 0, -2)}
	w, _ := newDevices(t, configs.Device{Name: "scanner", Networks: thisMachine, Until: ended}, configs.Device{Name: "erp", Login: true, Until: ended})
	w.session().command("MAIL FROM:<a@example.com>", "550 5.7.1 The permission of scanner to send mail has ended")
	c := w.session().encrypted(w)
	c.command("EHLO erp.lan", "250")
	c.command(plain("", "erp", devicePass), "525 5.7.13")
	c.command(plain("", "erp", "wrong"), "535 5.7.8")
}

// A login is possible inside TLS only, and gives a device its own senders.
func TestD11_DeviceWithLogin(t *testing.T) {
	t.Parallel()
	w, b := newDevices(t, erp)
	c := w.session()
	c.command("MAIL FROM:<erp@example.com>", "530 5.7.0 Must issue a STARTTLS command first")
	c.command(plain("", "erp", devicePass), "538 5.7.11")
	c.command("AUTH LOGIN", "538 5.7.11")
	c = c.encrypted(w)
	c.command("STARTTLS", "503")
	c.command(plain("", "erp", devicePass), "503 5.5.1 Send EHLO first")
	if offered := c.extensions(); !strings.Contains(offered, "AUTH PLAIN LOGIN|") || !strings.Contains(offered, "REQUIRETLS") || strings.Contains(offered, "STARTTLS|") {
		t.Error(offered)
	}
	c.command("MAIL FROM:<erp@example.com>", "530 5.7.0 Authentication required")
	c.command(plain("", "erp", "wrong"), "535 5.7.8")
	c.command(plain("boss", "erp", devicePass), "535 5.7.8")
	c.command("AUTH CRAM-MD5", "504")
	c.command("AUTH PLAIN =x", "501 5.5.2")
	c.command("AUTH LOGIN", "334")
	c.command("*", "501 5.7.0")
	c.command("MAIL FROM:<erp@example.com>", "530")
	c.command("AUTH LOGIN", "334 VXNlcm5hbWU6")
	c.command(base64.StdEncoding.EncodeToString([]byte("erp")), "334 UGFzc3dvcmQ6")
	c.command(base64.StdEncoding.EncodeToString([]byte(devicePass)), "235 2.7.0")
	c.command(plain("", "erp", devicePass), "503 5.5.1 Already authenticated")
	c.command("MAIL FROM:<boss@example.com>", "550 5.7.1 erp may not use the sender")
	c.command("MAIL FROM:<erp@example.com>", "250")
	c.command("RCPT TO:<bob@example.net>", "250")
	c.command("DATA", "354")
	c.command("text\r\n.", "250")
	messages, _, _ := b.got()
	if len(messages) != 1 || !strings.Contains(messages[0], "with ESMTPSA\r\n") {
		t.Errorf("%q", messages)
	}
}

// extensions lists what EHLO offers, each with | behind it.
func (c client) extensions() string {
	c.t.Helper()
	if _, err := c.Write([]byte("EHLO erp.lan\r\n")); err != nil {
		c.t.Fatal(err)
	}
	return strings.ReplaceAll(c.reply(), "250-", "") + "|"
}

// On smarthosts TLS begins with the connection, and a device can log in at once.
func TestImplicitTLS(t *testing.T) {
	t.Parallel()
	w, b := newDevices(t, erp)
	w.config.Listeners[0].Service, w.config.Listeners[0].Policy = configs.Smarthosts, "strict"
	w.start()
	conn, err := tls.Dial("tcp", w.proxy.Addresses()[0].String(), &tls.Config{RootCAs: w.ca.Pool, ServerName: "mail.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	c := client{conn, bufio.NewReader(conn), t}
	c.expect("220 mail.example.com")
	if offered := c.extensions(); !strings.Contains(offered, "AUTH PLAIN LOGIN|") || strings.Contains(offered, "STARTTLS") {
		t.Errorf("the extensions are %s", offered)
	}
	c.command("STARTTLS", "503")
	c.command("MAIL FROM:<erp@example.com>", "530 5.7.0 Authentication required")
	c.command(plain("", "erp", devicePass), "235")
	c.command("MAIL FROM:<boss@example.com>", "550 5.7.1")
	c.command("MAIL FROM:<erp@example.com>", "250")
	c.command("RCPT TO:<bob@example.net>", "250")
	c.command("DATA", "354")
	c.command("text\r\n.", "250")
	if messages, _, _ := b.got(); len(messages) != 1 {
		t.Errorf("%q", messages)
	}
}

// A client without TLS gets no reply on smarthosts.
func TestImplicitTLSOnly(t *testing.T) {
	t.Parallel()
	w, _ := newDevices(t, configs.Device{Name: "scanner", Networks: thisMachine})
	w.config.Listeners[0].Service, w.config.Listeners[0].Policy = configs.Smarthosts, "strict"
	c := w.dial()
	if _, err := c.Write([]byte("EHLO scanner.lan\r\n")); err != nil {
		t.Fatal(err)
	}
	reply, err := io.ReadAll(c.Conn)
	if strings.Contains(string(reply), "220") || strings.Contains(string(reply), "250") {
		t.Errorf("%q, %v", reply, err)
	}
}

// STARTTLS forgets what came before, and plaintext behind it ends the session.
func TestDeviceStartsTLS(t *testing.T) {
	t.Parallel()
	w, _ := newDevices(t, configs.Device{Name: "scanner", Networks: thisMachine})
	c := w.session()
	if offered := c.extensions(); !strings.Contains(offered, "STARTTLS|") || strings.Contains(offered, "AUTH") || strings.Contains(offered, "REQUIRETLS") {
		t.Error(offered)
	}
	c.command("AUTH PLAIN AGEAYg==", "502")
	c.command("MAIL FROM:<a@example.com> REQUIRETLS", "555")
	c.command("MAIL FROM:<a@example.com>", "250")
	c = c.encrypted(w)
	c.command("RCPT TO:<bob@example.net>", "503")
	c = w.session()
	c.command("STARTTLS\r\nMAIL FROM:<injected@example.com>", "554 5.5.0 Plaintext after STARTTLS")
}

// Failed logins are delayed and then refused, as on all other services.
func TestD11_PasswordsAreNotGuessed(t *testing.T) {
	t.Parallel()
	w, _ := newDevices(t, erp)
	w.config.Limits.LoginFailuresPerClient = 2
	w.config.Timeouts.LoginForget = time.Hour
	c := w.session().encrypted(w)
	c.command("EHLO erp.lan", "250")
	c.command(plain("", "erp", "wrong 1"), "535")
	c.command(plain("", "other", "wrong 2"), "535")
	c.command(plain("", "erp", devicePass), "421 4.7.0 Too many failed logins")
}

// A client that is neither permitted nor can log in is not served.
func TestDeniedDevice(t *testing.T) {
	t.Parallel()
	w, _ := newDevices(t, configs.Device{Name: "erp", Login: true, Networks: []configs.Network{{Prefix: netip.MustParsePrefix("192.0.2.0/24")}}})
	w.dial().expect("554 5.7.1 Access denied")
	w, _ = newDevices(t, erp)
	w.config.Listeners[0].Policy = "" // no TLS, and so no login
	w.dial().expect("554 5.7.1 Access denied")
}

// A TLS session for another protocol is refused (ALPACA), and one for SMTP is not.
func TestD11_DeviceALPN(t *testing.T) {
	t.Parallel()
	w, _ := newDevices(t, erp)
	for name, want := range map[string]bool{"smtp": true, "http/1.1": false} {
		c := w.session()
		c.command("STARTTLS", "220 2.0.0")
		err := tls.Client(c.Conn, &tls.Config{RootCAs: w.ca.Pool, ServerName: "mail.example.com", NextProtos: []string{name}}).Handshake()
		if (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
