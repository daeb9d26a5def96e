package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/mta"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// services are the addresses of a proxy for all protocols.
type services struct{ smtp, imaps, pop3s, sieve, status string }

// configuration returns the configuration of a proxy for all protocols, whose backend
// for mail is keeper.
func (s services) configuration(keeper, more string) string {
	return fmt.Sprintf(`
hostname: mail.example.com
probe: false
certificates: [{cert: cert.pem, key: key.pem}]
status: {listen: %q}
%s
listeners:
  - {service: smtp, listen: %q, backend: %q, recipients: [example.com], greet_delay: 0s, reverse_dns: false}
  - {service: imaps, listen: %q, backend: "{imap}"}
  - {service: pop3s, listen: %q, backend: "{pop3}"}
  - {service: sieve, listen: %q, backend: "{sieve}"}
`, s.status, more, s.smtp, keeper, s.imaps, s.pop3s, s.sieve)
}

func newServices(t *testing.T) services {
	t.Helper()
	free := func() string { return loopback.FreeAddress(t) }
	return services{free(), free(), free(), free(), free()}
}

// idle is a session that has logged in and waits in IDLE.
func (u *upgradable) idle(address string) *conversation {
	u.Helper()
	c, err := u.converse(address, nil)
	if err != nil {
		u.Fatal(err)
	}
	u.Cleanup(func() { _ = c.conn.Close() })
	for _, step := range [][2]string{{"a LOGIN demo demo", "a OK"}, {"b SELECT INBOX", "b OK"}, {"c IDLE", "+ "}} {
		if err := c.ask(step[0], step[1]); err != nil {
			u.Fatal(err)
		}
	}
	return c
}

// Ten upgrades while mail, logins and sessions in IDLE go on: no connection is
// refused, no session is cut, no message is lost or doubled, and no descriptor is
// left behind.
func TestUpgradesUnderLoad(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("NOT RUN with -short: mail under load")
	}
	const upgrades, letters = 10, 1500
	u := newLoaded(t, letters)
	s := u.services
	before, sockets := descriptors(t, u.serving())
	idle := u.idle(s.imaps)
	sent := u.send()
	stop := sync.OnceValue(loopback.RunClients(t, 2, func() error { return u.everyService(s) }).Stop)
	t.Cleanup(func() { stop() })
	var slow []mta.Letter
	for i := range upgrades {
		wait.Until(t, "no mail goes through", func() bool { return u.sender.Sent() >= (i+1)*letters/(upgrades+1) })
		letter := mta.Letter{ID: fmt.Sprintf("slow-%d", i), Attempts: 1, Acknowledged: true}
		finish := newSlowLetter(t, s.smtp, letter.ID)
		u.upgrade(i%2 == 1)
		if _, listening := descriptors(t, u.pids[i]); listening > 0 {
			wait.Until(t, "the old process keeps sockets open", func() bool { _, n := descriptors(t, u.pids[i]); return n == 0 })
		}
		finish()
		slow = append(slow, letter)
	}
	fast := sent()
	t.Logf("%d sessions beside the mail, %d letters", stop(), letters)
	for _, problem := range mta.Check(slices.Concat(fast, slow), kept(t, u.mail)) {
		t.Error(problem)
	}
	if all := mta.Sum(fast); all.Attempts != letters || all.Refused+all.Undecided > 0 {
		t.Errorf("mail was refused or cut off: %+v", all)
	}
	u.leavesIdle(idle)
	if _, listening := descriptors(t, u.serving()); listening != sockets {
		t.Errorf("%d sockets are open, not %d", listening, sockets)
	}
	wait.Until(t, "descriptors are left", func() bool { now, _ := descriptors(t, u.serving()); return now <= before+2 })
	for _, pid := range u.pids[1:upgrades] {
		wait.Until(t, "an old process without sessions does not end", func() bool { return !runs(pid) })
	}
	if strings.Contains(u.log.String(), "level=ERROR") || strings.Contains(u.log.String(), "state of the old process") {
		t.Errorf("an error is in the log:\n%s", u.log)
	}
}

func (u *upgradable) clientTLS() *tls.Config {
	return &tls.Config{RootCAs: u.ca.Pool, ServerName: "mail.example.com"}
}

// newSlowLetter sends the first half of a letter. finish sends the rest.
func newSlowLetter(t *testing.T, address, id string) (finish func()) {
	t.Helper()
	m := newTransaction(t, address)
	text := strings.ReplaceAll("\r\n"+mta.Text(id), "\r\n.", "\r\n..")[2:]
	half := len(text) / 2
	m.send(text[:half])
	return func() {
		t.Helper()
		m.send(text[half:] + ".\r\n")
		m.read("250 ")
		m.send("QUIT\r\n")
		m.read("221 ")
	}
}

// everyService has a session with each service but smtp.
func (u *upgradable) everyService(s services) error {
	return errors.Join(u.session(s.imaps, "a LOGIN demo demo -> a OK", "b LOGOUT -> b OK"), u.session(s.pop3s, "USER demo -> +OK", "PASS demo -> +OK", "QUIT -> +OK"),
		sieve(s.sieve), healthy(s.status))
}

// session has a conversation on a port with implicit TLS. A step is a command and the
// reply to it.
func (u *upgradable) session(address string, steps ...string) error {
	c, err := u.converse(address, nil)
	if err != nil {
		return err
	}
	defer func() { _ = c.conn.Close() }()
	for _, step := range steps {
		command, want, _ := strings.Cut(step, " -> ")
		if err := c.ask(command, want); err != nil {
			return fmt.Errorf("%s: %w", address, err)
		}
	}
	return nil
}

// sieve reads the capabilities and says goodbye.
func sieve(address string) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	lines := bufio.NewReader(conn)
	if _, err := io.WriteString(conn, "LOGOUT\r\n"); err != nil {
		return err
	}
	for oks := 0; oks < 2; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return fmt.Errorf("sieve: %w", err)
		}
		if strings.HasPrefix(line, "OK") {
			oks++
		}
	}
	return nil
}

func healthy(address string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/healthz", nil)
	if err != nil {
		return err
	}
	request.Close = true
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

// After timeouts.upgrade the sessions that are left receive their goodbye, and the
// old process ends.
func TestUpgradeDeadline(t *testing.T) {
	t.Parallel()
	f, s := newFolder(t), newServices(t)
	u := newUpgradable(f, s.configuration("127.0.0.1:9", "timeouts: {upgrade: 1s}"))
	idle := u.idle(s.imaps)
	u.upgrade(false)
	if err := idle.read("* BYE"); err != nil {
		t.Error(err)
	}
	wait.Until(t, "the old process does not end", func() bool { return !runs(u.pids[0]) })
	if err := u.everyService(s); err != nil {
		t.Error(err)
	}
}

// SIGTERM ends the sessions of an old process before timeouts.upgrade. Other signals
// are ignored.
func TestSignalsWhileDraining(t *testing.T) {
	f, s := newFolder(t), newServices(t)
	u := newUpgradable(f, s.configuration("127.0.0.1:9", ""))
	idle := u.idle(s.imaps)
	u.upgrade(true)
	for _, signal := range []syscall.Signal{syscall.SIGHUP, syscall.SIGUSR2} {
		if err := syscall.Kill(u.pids[0], signal); err != nil {
			t.Fatal(err)
		}
	}
	u.wantLog(`ignored: another process has taken over" signal=hangup`)
	u.wantLog(`ignored: another process has taken over" signal="user defined signal 2"`)
	if err := idle.ask("DONE", "c OK"); err != nil {
		t.Error(err)
	}
	if err := syscall.Kill(u.pids[0], syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := idle.read("* BYE"); err != nil {
		t.Error(err)
	}
	wait.Until(t, "the old process does not end", func() bool { return !runs(u.pids[0]) })
	if err := u.everyService(s); err != nil {
		t.Error(err)
	}
}

// The count of failed logins continues, TLS sessions are resumed, and the socket for
// requests belongs to the new process.
func TestUpgradePassesStateOn(t *testing.T) {
	t.Parallel()
	f, s := newFolder(t), newServices(t)
	u := newUpgradable(f, s.configuration("127.0.0.1:9", "limits: {login_failures_per_client: 3, login_failures_per_user: 3}"))
	cache := tls.NewLRUClientSessionCache(10)
	if c, err := u.converse(s.pop3s, cache); err != nil {
		t.Fatal(err)
	} else {
		_ = c.conn.Close()
	}
	for range 3 {
		if err := u.session(s.imaps, "a LOGIN demo wrong -> a NO"); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		u.upgrade(i == 1)
		c, err := u.converse(s.pop3s, cache)
		if err != nil {
			t.Fatal(err)
		}
		if !c.conn.ConnectionState().DidResume {
			t.Errorf("upgrade %d: the TLS session is not resumed", i)
		}
		_ = c.conn.Close()
		if err := u.session(s.imaps, "a LOGIN demo demo -> a NO [AUTHENTICATIONFAILED]"); err != nil {
			t.Errorf("upgrade %d: the failed logins are forgotten: %v", i, err)
		}
	}
	u.signal(syscall.SIGTERM)
	wait.Until(t, "the socket for requests is left", func() bool {
		_, err := os.Stat(filepath.Join(u.path, "state", "upgrade.sock"))
		return errors.Is(err, os.ErrNotExist)
	})
	if status, out := u.ask(); status != exitNotRunning {
		t.Errorf("%d %s", status, out)
	}
}
