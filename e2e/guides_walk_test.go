package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/e2e/world"
	"github.com/letterlock/letterlock/internal/test/guide"
)

// walk is a tour under way.
type walk struct {
	tour
	t    *testing.T
	w    *world.World
	site *world.Site
}

func (g tour) run(t *testing.T, w *world.World, packages string) {
	release := w.Release
	w.SetRelease(g.release)
	defer w.SetRelease(release)
	site, err := w.NewSite()
	atEnd(t, site.Close)
	if err != nil {
		t.Fatal(err)
	}
	k := &walk{tour: g, t: t, w: w, site: site}
	k.start("client", "base", packages)
	k.start("mail", k.frontSet(), packages)
	if !g.single {
		k.start("old", g.set, packages)
	}
	k.prepare()
	tried := false
	begun := time.Now()
	for _, b := range blocksOf(t, g.guide) {
		if slices.ContainsFunc(g.skip, func(s string) bool { return strings.HasPrefix(b.Section, s) }) {
			continue
		}
		k.follow(b)
		if g.last != "" && b.Section == g.last && b.Language == "sh" {
			t.Logf("%s: the commands up to %q took %s", g.guide, g.last, time.Since(begun).Round(time.Second))
			k.try()
			tried = true
		}
	}
	if tried {
		k.back()
		return
	}
	k.try()
	if g.guide == "two-machines" {
		k.expectClosed()
	}
}

func blocksOf(t *testing.T, name string) []guide.Block {
	t.Helper()
	text, err := os.ReadFile("../docs/guides/" + name + ".md")
	if err != nil {
		t.Fatal(err)
	}
	return guide.Blocks(string(text))
}

// frontSet is the set of packages of the machine with the public address.
func (k *walk) frontSet() string {
	switch {
	case k.front != "":
		return k.front
	case k.single:
		return k.set
	}
	return "base"
}

// old returns the machine of the old server.
func (k *walk) old() *world.Machine {
	if k.single {
		return k.site.Machine("mail")
	}
	return k.site.Machine("old")
}

// start starts a machine with the package, the certificate and the authority.
func (k *walk) start(name, set, packages string) {
	k.t.Helper()
	m, err := k.site.Start(name, set)
	if err != nil {
		k.t.Fatal(err)
	}
	debs, err := filepath.Glob(filepath.Join(packages, "*.deb"))
	if err != nil || len(debs) != 1 {
		k.t.Fatalf("%s has %d deb packages", packages, len(debs))
	}
	for to, from := range map[string]string{
		"/root/letterlock_0.0.0_" + runtime.GOARCH + ".deb": debs[0], "/etc/ssl/certs/mail.example.com.pem": filepath.Join(k.w.Dir, "rsa.pem"),
		"/etc/ssl/private/mail.example.com.key": filepath.Join(k.w.Dir, "rsa.key"), "/etc/ssl/certs/ca-certificates.crt": shared.caFile,
	} {
		data, err := os.ReadFile(from)
		if err == nil {
			err = m.Put(to, string(data))
		}
		if err != nil {
			k.t.Fatal(err)
		}
	}
}

// prepare sets the old server up as it was before the guide, and installs the program
// where the guide takes that for done.
func (k *walk) prepare() {
	k.t.Helper()
	k.do(k.old(), "sh "+filepath.Join(k.old().Dir, k.guideSet()+".start.sh"))
	installed := []string{"client", "mail"}
	if k.front != "" {
		installed = append(installed, "old")
	}
	for _, name := range installed {
		if k.guide == "tutorial" && name == "mail" {
			continue
		}
		k.do(k.site.Machine(name), "dpkg -i ./letterlock_*.deb\ninstall -m 0644 /etc/ssl/certs/mail.example.com.pem /etc/letterlock/mail.pem\n"+
			"install -m 0640 -g letterlock /etc/ssl/private/mail.example.com.key /etc/letterlock/mail.key")
	}
	for _, b := range blocksOf(k.t, "dovecot") {
		if slices.Contains(k.dovecot, b.Section) {
			k.follow(b)
		}
	}
	k.do(k.site.Machine("mail"), preparations[k.guide])
	if k.guide == "load-balancer" {
		k.do(k.old(), preparations["dovecot on loopback"])
	}
}

// preparations lists the commands that a guide takes for granted.
var preparations = map[string]string{
	"lets-encrypt": `folder=/etc/letsencrypt/live/mail.example.com
mkdir -p $folder
cp /etc/ssl/certs/mail.example.com.pem $folder/fullchain.pem
cp /etc/ssl/private/mail.example.com.key $folder/privkey.pem
chmod -R go= /etc/letsencrypt/live`,
	"old-devices":         "touch /var/log/letterlock.log",
	"operations":          "touch /var/log/letterlock.log",
	"dovecot on loopback": "printf '%s\\n' 'listen = 127.0.0.1' 'ssl = no' 'login_trusted_networks = 127.0.0.1' >/etc/dovecot/local.conf\nsystemctl restart dovecot",
}

// guideSet names the script that sets the old server up.
func (k *walk) guideSet() string {
	switch k.guide {
	case "cyrus", "exim", "courier", "sendmail", "postfix":
		return k.guide
	case "tutorial", "operations", "moving":
		return "postfix"
	}
	return "dovecot"
}

// follow runs the commands of a block, or writes its file, on the machine that its
// section is about.
func (k *walk) follow(b guide.Block) {
	k.t.Helper()
	section := strings.ToLower(b.Section)
	m := k.site.Machine("mail")
	switch {
	case strings.Contains(section, "old server"), k.front != "" && strings.Contains(section, "on the proxy"):
		m = k.old()
	case strings.Contains(section, "from outside"):
		m = k.site.Machine("client")
	case !k.single && k.front == "":
		k.awaitBackend()
	}
	var err error
	switch {
	case b.File != "":
		err = m.Put(b.File, b.Text)
	case b.Language == "sh":
		var out string
		if out, err = m.Do(b.Text); err == nil && strings.Contains(b.Text, "letterlock ") {
			k.t.Logf("%s\n%s", b.Text, out)
		}
	}
	if err != nil {
		k.t.Fatalf("docs/guides/%s.md, the block at line %d: %v\n%s", k.guide, b.Line, err, k.log())
	}
}

// backendPorts are the old server's, by the service of clients.
var backendPorts = map[string]int{"smtp": 25, "submission": 587, "submissions": 587, "imap": 143, "imaps": 143, "pop3s": 110}

// awaitBackend waits until the old server listens. Its init script returns before.
func (k *walk) awaitBackend() {
	k.t.Helper()
	for _, service := range k.services {
		k.do(k.old(), fmt.Sprintf("until grep -qi '^ *[0-9]*: [0-9A-F]*:%04X 0*:0000 0A' /proc/net/tcp /proc/net/tcp6; do sleep 0.1; done", backendPorts[service]))
	}
}

func (k *walk) do(m *world.Machine, commands string) {
	k.t.Helper()
	if out, err := m.Do(commands); err != nil {
		k.t.Fatalf("%v\n%s", err, out)
	}
}

// log returns the log of Letterlock, and that of the old server.
func (k *walk) log() string {
	own, _ := k.site.Machine("mail").Do("cat /var/log/letterlock.log 2>/dev/null || true")
	return own + "\n" + k.old().Log.Tail()
}
