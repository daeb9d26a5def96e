package main

import (
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"log/slog"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/demo"
	"github.com/letterlock/letterlock/internal/mailclient"
	"github.com/letterlock/letterlock/internal/test/loopback"
)

// An imported configuration passes config check, starts, and serves logins.
func TestImportedConfigurationServes(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"stunnel.conf": `cert = {cert}
key = {key}
[imaps]
accept = {0}
connect = {imap}
[pop3s]
accept = {1}
connect = {pop3}
[submission]
protocol = smtp
accept = {2}
connect = {submission}
`,
		"nginx.conf": `mail {
  server_name mail.example.com;
  auth_http 127.0.0.1:9000/auth;
  ssl_certificate {cert};
  ssl_certificate_key {key};
  server { listen {0} ssl; protocol imap; }
  server { listen {1} ssl; protocol pop3; }
  server { listen {2}; protocol smtp; starttls only; xclient off; }
}
http {
  map $http_auth_protocol $p { imap {imap-port}; pop3 {pop3-port}; smtp {submission-port}; }
  server { location /auth { add_header Auth-Server {host}; add_header Auth-Port $p; } }
}
`,
	} {
		t.Run(name, func(t *testing.T) {
			f := newFolder(t)
			file := f.write(name, text)
			output := filepath.Join(f.path, "imported.yaml")
			status, out, said := words("import", file, "--output", output, "--hostname", "mail.example.com")
			if status != exitOK || out != "" {
				t.Fatalf("%d\n%s%s", status, out, said)
			}
			if status, out, said := words("config", "check", output); status != exitOK {
				t.Errorf("%d\n%s%s", status, out, said)
			}
			f.serves(output)
		})
	}
}

// write writes a file in which {cert} and {key} are the files of the certificate,
// {0} to {2} are free addresses at {host}, and {imap} and so on those of backends.
func (f *folder) write(name, text string) string {
	f.Helper()
	b := f.backends
	words := []string{"{host}", loopback.Host(), "{cert}", filepath.Join(f.path, "cert.pem"), "{key}", filepath.Join(f.path, "key.pem")}
	for i := range 3 {
		words = append(words, fmt.Sprintf("{%d}", i), loopback.FreeAddress(f))
	}
	for name, address := range map[string]string{"imap": b.IMAP(), "pop3": b.POP3(), "submission": b.Submission(), "smtp": b.SMTP()} {
		_, port, _ := net.SplitHostPort(address)
		words = append(words, "{"+name+"}", address, "{"+name+"-port}", port)
	}
	file := filepath.Join(f.path, name)
	if err := os.WriteFile(file, []byte(strings.NewReplacer(words...).Replace(text)), 0o600); err != nil {
		f.Fatal(err)
	}
	return file
}

// serves starts a configuration with the listeners imaps, pop3s and submission,
// and logs in at each.
func (f *folder) serves(file string) {
	f.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		f.Fatal(err)
	}
	c, err := configs.Parse(file, append(text, "state_dir: "+filepath.Join(f.path, "state")+"\n"...))
	if err != nil {
		f.Fatal(err)
	}
	proxy := serveConfig(f.T, c, slog.New(slog.DiscardHandler))
	for i, l := range c.Listeners {
		if err := f.login(l, proxy.Addresses()[i].String()); err != nil {
			f.Errorf("%s: %v", l.Service, err)
		}
	}
}

// login logs in at a listener, after TLS.
func (f *folder) login(l configs.Listener, address string) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	f.Cleanup(func() { _ = conn.Close() })
	shake := func(conn net.Conn) (net.Conn, error) {
		c := tls.Client(conn, &tls.Config{RootCAs: f.ca.Pool, ServerName: "mail.example.com"})
		return c, c.Handshake()
	}
	if l.Service.Implicit() {
		if conn, err = shake(conn); err != nil {
			return err
		}
	}
	c, err := mailclient.New(conn, l.Service.Protocol(), "client.example.com", time.Now().Add(20*time.Second))
	if err == nil {
		_, err = c.Greeting()
	}
	if err == nil {
		_, err = c.Capabilities()
	}
	if err == nil && !l.Service.Implicit() {
		err = c.StartTLS(shake)
	}
	if err != nil {
		return err
	}
	reply := ""
	switch l.Service.Protocol() {
	case "imap":
		reply, _, err = c.Tagged(nil, "LOGIN %s %s", demo.User, demo.Password)
	case "pop3":
		if _, err = c.Exchange("USER %s", demo.User); err == nil {
			reply, err = c.Exchange("PASS %s", demo.Password)
		}
	default:
		if _, err = c.Capabilities(); err == nil {
			reply, err = c.Exchange("AUTH PLAIN %s", base64.StdEncoding.EncodeToString([]byte("\x00"+demo.User+"\x00"+demo.Password)))
		}
	}
	if err == nil && !strings.HasPrefix(reply, "OK") && !strings.HasPrefix(reply, "+OK") && !strings.HasPrefix(reply, "235") {
		err = fmt.Errorf("the login is answered with %q", reply)
	}
	return err
}

// A file is never replaced unless that is wanted, and a bad call is one line.
func TestImportCalls(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	file := f.write("stunnel.conf", "[imaps]\naccept = 993\nconnect = 10.0.0.5:143\npid = /run/x\n")
	status, out, said := words("import", file)
	if status != exitOK || !strings.Contains(out, "service: imaps") || !strings.Contains(said, file+":4: pid /run/x: not carried over: ") {
		t.Errorf("%d\n%s%s", status, out, said)
	}
	for _, c := range []struct {
		args []string
		want string
		exit int
	}{
		{[]string{file, "--output", file}, "stunnel.conf exists: --force replaces it", exitFailed},
		{[]string{}, "import: it takes the files to import", exitUsage},
		{[]string{"/nowhere"}, "open /nowhere: no such file", exitFailed},
		{[]string{file, "--from", "exim"}, `"exim": the format is unknown`, exitFailed},
	} {
		if status, out, said := words(append([]string{"import"}, c.args...)...); status != c.exit || out != "" || !strings.Contains(said, c.want) {
			t.Errorf("%s: %d\n%s%s", c.args, status, out, said)
		}
	}
	output := filepath.Join(f.path, "new.yaml")
	for range 2 {
		if status, _, said := words("import", file, "--output", output, "--force"); status != exitOK {
			t.Errorf("%d\n%s", status, said)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(f.path, ".new.yaml-*")); len(left) > 0 {
		t.Errorf("%s is left", left)
	}
}
