package app

import (
	"bufio"
	"crypto/tls"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/usage"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// Session tickets, the status page, the log and the inventory outlive a reload, also if
// their addresses or files change.
func TestWhatOutlivesReloads(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "status: {listen: \"{host}:0\"}\n"+twoServices)
	cache := tls.NewLRUClientSessionCache(10)
	resumed := func() bool {
		conn, err := w.dial(0, func(c *tls.Config) { c.ClientSessionCache = cache })
		if err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		return conn.ConnectionState().DidResume
	}
	resumed()
	page, keeper := w.page, w.recorder.keeper.Load()
	w.Reload()
	if !resumed() {
		t.Error("sessions from before the reload cannot be resumed")
	}
	if w.page != page || w.recorder.keeper.Load() != keeper || keeper == nil {
		t.Error("an unchanged part was replaced")
	}
	w.configure("status: {listen: \"127.0.0.2:0\"}\ninventory: {keep: false}\n" + twoServices)
	w.Reload()
	if w.page == page || w.recorder.keeper.Load() != nil || !strings.HasPrefix(w.page.Addr().String(), "127.0.0.2:") {
		t.Error("a changed part was not replaced")
	}
	if answer, err := http.Get("http://" + page.Addr().String()); err == nil {
		_ = answer.Body.Close()
		t.Error("the old page is still there")
	}
	w.configure(twoServices)
	w.Reload()
	if w.page != nil || w.recorder.keeper.Load() == nil {
		t.Error("a changed part was not replaced")
	}
}

func TestLogChanges(t *testing.T) {
	t.Parallel()
	out := &wait.Log{}
	o := configs.Default().Log
	log, closeLog := NewLog(out, o)
	log.Debug("one")
	log.Info("two")
	o.Format, o.Level = "json", "debug"
	changeLog(log, o)
	log.With("k", "v").Debug("three")
	closeLog()
	if got := out.String(); strings.Contains(got, "one") || !strings.Contains(got, "msg=two") || !strings.Contains(got, `"msg":"three","k":"v"`) {
		t.Error(got)
	}
}

// Failures of files are counted on.
func TestCountsOfFilesOutliveReloads(t *testing.T) {
	t.Parallel()
	w := newWorld(t, imaps)
	key := filepath.Join(w.folder, "key.pem")
	good, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range [][]byte{nil, good} {
		if err := os.WriteFile(key, text, 0o600); err != nil {
			t.Fatal(err)
		}
		w.Reload()
	}
	if f := w.now.Load().maintenance.shownFiles(); len(f) != 1 || f[0].Failures != 1 || f[0].Problem != "" {
		t.Errorf("%+v", f)
	}
}

// An expired certificate does not take the place of one that is good, not even
// with a whole configuration.
func TestReloadTakesNoExpiredCertificate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, imaps)
	first := w.served()
	w.put(w.ca.Expired(t, "mail.example.com"))
	said := len(w.log.String())
	w.Reload()
	w.wantLog(said, "it has expired on", "stays in force")
	if !w.served().Equal(first) {
		t.Error("the expired certificate is served")
	}
}

// greeted reads the greeting of the first listener, which is an imaps listener.
func (w *world) greeted() error {
	conn, err := tls.Dial("tcp", w.Addresses()[0].String(), &tls.Config{RootCAs: w.ca.Pool, ServerName: "mail.example.com"})
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && !strings.HasPrefix(line, "* OK") {
		err = errors.New(line)
	}
	return err
}

// A user who is locked out stays so over a reload, and is released by one that turns
// the limits off, as docs/guides/operations.md says.
func TestFailedLoginsOutliveReloads(t *testing.T) {
	t.Parallel()
	limited := strings.Replace(twoServices, "limits: {", "limits: {login_failures_per_client: 3, login_failures_per_user: 3, ", 1)
	w := newWorld(t, limited)
	for range 3 {
		w.tryLogin("wrong", "a NO")
	}
	from := len(w.log.String())
	w.tryLogin("demo", "a NO")
	w.Reload()
	w.tryLogin("demo", "a NO")
	w.wantLog(from, "login refused", "too many failed logins")
	w.configure(strings.NewReplacer("_client: 3", "_client: 0", "_user: 3", "_user: 0").Replace(limited))
	w.Reload()
	w.tryLogin("demo", "a OK")
}

// tryLogin logs the user demo in at the first listener, and wants the reply.
func (w *world) tryLogin(password, want string) {
	w.Helper()
	conn, err := w.dial(0, nil)
	if err != nil {
		w.Fatal(err)
	}
	imapSession{conn, bufio.NewReader(conn), w.T}.ask("a LOGIN demo "+password, want)
}

// Fifty reloads under load leave nothing behind.
func TestReloadsUnderLoad(t *testing.T) {
	w := newWorld(t, imaps)
	session := w.login(0)
	w.Reload()
	settled := func() (goroutines, files int) { return runtime.NumGoroutine(), usage.Descriptors(t) }
	goroutines, files := settled()
	clients := loopback.RunClients(t, 3, w.greeted)
	for i := range 50 {
		text := imaps
		switch i % 3 {
		case 0:
			text += "  - {service: imap, listen: \"{host}:0\", backend: \"{imap}\"}\n"
		case 1:
			text += "  - {service: imap}\n"
		}
		w.configure(text)
		w.Reload()
		session.ask("b NOOP", "b OK")
	}
	sessions := clients.Stop()
	if reloads := strings.Count(w.log.String(), "msg=reloaded"); reloads != 34 || sessions < 50 {
		t.Errorf("%d reloads, %d sessions", reloads, sessions)
	}
	w.configure(imaps)
	w.Reload()
	w.probing.Wait()
	var g, f int
	if !wait.Happens(func() bool {
		g, f = settled()
		return g <= goroutines+10 && f <= files+2 // workers that wait for more clients
	}) {
		t.Fatalf("%d goroutines were %d, %d files were %d", g, goroutines, f, files)
	}
	session.ask("c NOOP", "c OK")
}
