// Mail that a client sends through smtp, in plaintext or with STARTTLS, or through
// submission and submissions after a login, arrives in the mailbox byte for byte.

package e2e

import (
	"strings"
	"testing"
)

func TestSendSMTP(t *testing.T) {
	address := localhost(t, "smtp")
	cases := []struct {
		name, keyword string
		send          func(t *testing.T, l letter)
	}{
		{"swaks in plaintext", "ESMTP", func(t *testing.T, l letter) {
			run(t, "swaks", "--server", address, "--from", l.From, "--to", l.To, "--data", l.forSwaks(t))
		}},
		{"swaks", "ESMTPS", func(t *testing.T, l letter) {
			run(t, "swaks", "--server", address, "--tls", "--tls-verify", "--tls-ca-path", shared.caFile,
				"--from", l.From, "--to", l.To, "--data", l.forSwaks(t))
		}},
		{"smtplib in plaintext", "ESMTP", func(t *testing.T, l letter) {
			python(t, l.Text, "send.py", port(t, address), "clear", "", "", l.From, l.To)
		}},
		{"smtplib", "ESMTPS", func(t *testing.T, l letter) {
			python(t, l.Text, "send.py", port(t, address), "starttls", "", "", l.From, l.To)
		}},
		{"openssl", "ESMTPS", func(t *testing.T, l letter) {
			c := openssl(t, "smtp", address)
			c.command("250", "EHLO e2e.example")
			c.sendLetter(l)
			c.command("221", "QUIT")
		}},
		{"curl", "ESMTPS", func(t *testing.T, l letter) {
			run(t, "curl", "--silent", "--show-error", "--ssl-reqd", "--cacert", shared.caFile, "--url", "smtp://"+address,
				"--mail-from", l.From, "--mail-rcpt", l.To, "--upload-file", l.file(t))
		}},
		{"msmtp", "ESMTPS", func(t *testing.T, l letter) {
			msmtp(t, address, l, account{}, "--auth=off", "--tls-starttls=on")
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			l := newLetter(newAccount(t), body)
			c.send(t, l)
			wantReceived(t, l.arrives(t), c.keyword)
		})
	}
}

func TestSubmit(t *testing.T) {
	starttls, implicit, dovecot := localhost(t, "submission"), localhost(t, "submissions"), localhost(t, "dovecot-submission")
	cases := []struct {
		name string
		send func(t *testing.T, l letter, a account)
	}{
		{"swaks, PLAIN", func(t *testing.T, l letter, a account) {
			swaks(t, starttls, l, a, "--tls", "--auth", "PLAIN")
		}},
		{"swaks, LOGIN, implicit TLS", func(t *testing.T, l letter, a account) {
			swaks(t, implicit, l, a, "--tlsc", "--auth", "LOGIN")
		}},
		{"swaks, CRAM-MD5", func(t *testing.T, l letter, a account) {
			swaks(t, starttls, l, a, "--tls", "--auth", "CRAM-MD5")
		}},
		{"swaks, Dovecot", func(t *testing.T, l letter, a account) {
			swaks(t, dovecot, l, a, "--tls", "--auth", "PLAIN")
		}},
		{"msmtp, LOGIN", func(t *testing.T, l letter, a account) {
			msmtp(t, starttls, l, a, "--auth=login", "--tls-starttls=on")
		}},
		{"msmtp, SCRAM, implicit TLS", func(t *testing.T, l letter, a account) {
			msmtp(t, implicit, l, a, "--auth=scram-sha-256", "--tls-starttls=off")
		}},
		{"curl, PLAIN", func(t *testing.T, l letter, a account) {
			curlSend(t, "smtp://"+starttls, l, a, "AUTH=PLAIN")
		}},
		{"curl, LOGIN, implicit TLS", func(t *testing.T, l letter, a account) {
			curlSend(t, "smtps://"+implicit, l, a, "AUTH=LOGIN")
		}},
		{"curl, Dovecot", func(t *testing.T, l letter, a account) {
			curlSend(t, "smtp://"+dovecot, l, a, "AUTH=PLAIN")
		}},
		{"smtplib", func(t *testing.T, l letter, a account) {
			python(t, l.Text, "send.py", port(t, starttls), "starttls", a.Name, a.Password, l.From, l.To)
		}},
		{"smtplib, implicit TLS", func(t *testing.T, l letter, a account) {
			python(t, l.Text, "send.py", port(t, implicit), "tls", a.Name, a.Password, l.From, l.To)
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := newAccount(t)
			l := newLetter(a, body)
			c.send(t, l, a)
			wantReceived(t, l.arrives(t), "ESMTPSA")
		})
	}
}

// TestRelay checks that only a client with a login may send to foreign addresses.
func TestRelay(t *testing.T) {
	a := newAccount(t)
	c := dialTLS(t, proxy(t, "submissions"))
	c.introduce()
	c.command("530", "MAIL FROM:<"+a.address()+">")
	c.command("235", "AUTH PLAIN "+plain(a))
	c.command("250", "MAIL FROM:<"+a.address()+">")
	c.command("250", "RCPT TO:<somebody@elsewhere.example>")

	c = dial(t, proxy(t, "smtp"))
	c.introduce()
	c.command("250", "MAIL FROM:<"+a.address()+">")
	c.command("550", "RCPT TO:<somebody@elsewhere.example>")
	c.command("550", "RCPT TO:<@example.com:somebody@elsewhere.example>")
	c.command("550", "RCPT TO:<somebody%elsewhere.example@elsewhere.example>")
	if reply := c.command("554", "RCPT TO:<nobody@example.com>"); !strings.Contains(reply, "Access denied") {
		t.Errorf("the refusal is not the server's own: %s", reply)
	}
	c.command("250", "RCPT TO:<"+a.address()+">")
	c.command("502", "AUTH PLAIN "+plain(a))
}

func TestWrongPassword(t *testing.T) {
	a := newAccount(t)
	wrong := account{a.Name, "not-the-word-of-" + a.Name}
	secret(wrong.Name, wrong.Password)
	for _, listener := range []string{"submissions", "imaps", "pop3s"} {
		t.Run(listener, func(t *testing.T) {
			mark := shared.proxy.Log.Mark()
			scheme := map[string]string{"submissions": "smtps"}[listener]
			if scheme == "" {
				scheme = listener
			}
			// 67 is "login denied"
			out := tool{fails: true}.run(t, "curl", "--silent", "--show-error", "--cacert", shared.caFile,
				"--user", wrong.Name+":"+wrong.Password, scheme+"://"+localhost(t, listener), "--mail-from", "<>", "--mail-rcpt", a.address())
			if !strings.Contains(out, "curl: (67)") {
				t.Error(out)
			}
			awaitLog(t, mark, "letterlock/"+listener+"[", "login failed", "user="+a.Name)
		})
	}
}
