// What clients try after a guide.

package e2e

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/letterlock/letterlock/e2e/world"
)

// curl calls curl on the client's machine. Ports is the port of the URL.
func (k *walk) curl(port int, args ...string) (string, error) {
	all := append([]string{"--silent", "--show-error", "--max-time", "60", "--cacert", shared.caFile,
		"--resolve", fmt.Sprintf("mail.example.com:%d:%s", port, world.MailAddress)}, args...)
	out, err := k.site.On("client", "curl", all...).CombinedOutput()
	return string(out), err
}

var guidePorts = map[string]int{"smtp": 25, "submission": 587, "submissions": 465, "imap": 143, "imaps": 993, "pop3s": 995}

// try uses each service as a client does.
func (k *walk) try() {
	k.t.Helper()
	for _, service := range k.services {
		port, scheme := guidePorts[service], map[string]string{"submission": "smtp", "submissions": "smtps"}[service]
		if scheme == "" {
			scheme = service
		}
		url := fmt.Sprintf("%s://mail.example.com:%d/", scheme, port)
		login := []string{"--ssl-reqd", "--user", guideUser + ":" + guidePassword}
		mark := k.old().Log.Mark()
		if strings.HasPrefix(scheme, "smtp") {
			k.trySMTP(service, url, port, login)
		} else {
			k.expectCurl(true, port, append(login, url)...)
			k.expectCurl(false, port, "--ssl-reqd", "--user", guideUser+":wrong", url)
			if !strings.HasSuffix(scheme, "s") {
				k.expectCurl(false, port, "--user", guideUser+":"+guidePassword, url) // without TLS
			}
		}
		if k.knows {
			if _, err := k.old().Log.Await(mark, world.Patience, world.SiteClient); err != nil {
				k.t.Errorf("%s: the old server does not know the client's address: %v\n%s", service, err, k.log())
			}
		}
	}
}

// trySMTP sends a message, and tries to relay one.
func (k *walk) trySMTP(service, url string, port int, login []string) {
	k.t.Helper()
	letter := filepath.Join(k.t.TempDir(), "letter")
	writeFile(k.t, letter, "From: bob@elsewhere.example\r\nTo: alice@example.com\r\nSubject: hello\r\n\r\nhello\r\n")
	message := []string{"--mail-from", "bob@elsewhere.example", "--upload-file", letter, url}
	if service == "smtp" {
		k.expectCurl(true, port, append([]string{"--mail-rcpt", "alice@example.com"}, message...)...)
		k.expectCurl(true, port, append([]string{"--ssl-reqd", "--mail-rcpt", "alice@example.com"}, message...)...)
		k.expectCurl(false, port, append([]string{"--mail-rcpt", "carol@elsewhere.example"}, message...)...)
		return
	}
	message[1] = "alice@example.com"
	k.expectCurl(true, port, append(append(login, "--mail-rcpt", "alice@example.com"), message...)...)
	k.expectCurl(false, port, append([]string{"--ssl-reqd", "--mail-rcpt", "alice@example.com"}, message...)...)
}

func (k *walk) expectCurl(works bool, port int, args ...string) {
	k.t.Helper()
	if out, err := k.curl(port, args...); works != (err == nil) {
		k.t.Errorf("curl %q: %v\n%s\n%s", args, err, out, k.log())
	}
}

// expectClosed checks that no client reaches the old server past the proxy.
func (k *walk) expectClosed() {
	k.t.Helper()
	if out, err := k.site.On("client", "bash", "-c", "exec 3<>/dev/tcp/"+world.OldAddress+"/143").CombinedOutput(); err == nil {
		k.t.Error("a client reaches the old server")
	} else if !strings.Contains(string(out), "refused") {
		k.t.Errorf("the port is not refused: %s", out)
	}
}

// back checks that after the way back the old servers have the public ports.
func (k *walk) back() {
	k.t.Helper()
	out, err := k.curl(993, "--user", guideUser+":"+guidePassword, "imaps://mail.example.com/")
	if err != nil {
		k.t.Errorf("after the way back: %v\n%s\n%s", err, out, k.log())
	}
	if _, err := k.site.Machine("mail").Do("systemctl is-active letterlock"); err == nil {
		k.t.Error("after the way back Letterlock still runs")
	}
}
