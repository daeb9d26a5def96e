package packaging

import (
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/observe/loghandler"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// The filter finds each login with a wrong password in each format of the log,
// and nothing else: not a backend that is down, nor a user's name that looks like
// a line of the log.
func TestFilterOfFail2ban(t *testing.T) {
	needs(t, "fail2ban-regex")
	for _, format := range []struct {
		name     string
		header   bool
		priority string // what the journal's reader puts in front
	}{{"text", false, ""}, {"json", false, ""}, {"postfix", true, ""}, {"postfix", false, "2026-11-21T12:00:00 mail letterlock[812]: "}, {"text", false, "2026-11-21T12:00:00 mail letterlock[812]: "}, {"json", false, "2026-11-21T12:00:00 mail letterlock[812]: "}} {
		lines := loginLines(t, format.name, format.header)
		for i := range lines {
			lines[i] = format.priority + lines[i]
		}
		file := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("fail2ban-regex", "--out", "ip", file, "fail2ban/filter.conf").CombinedOutput()
		if got := strings.Join(strings.Fields(string(out)), " "); err != nil || got != "192.0.2.7 2001:db8::7 192.0.2.66" {
			t.Errorf("%+v: %v, %s in\n%s", format, err, out, strings.Join(lines, "\n"))
		}
	}
}

// loginLines are the lines of three logins with a wrong password and of others.
func loginLines(t *testing.T, format string, header bool) []string {
	t.Helper()
	out := &wait.Log{}
	log := loghandler.New(out, loghandler.Options{Format: format, Header: header, MaxValue: 256, Rates: loghandler.Rates{Client: 1 << 20, Network: 1 << 20, Total: 1 << 20}})
	l := observe.SessionLog{Log: slog.New(log)}
	session := func(client string) *observe.Session {
		return &observe.Session{ID: "4kzq1r8m2wbd", Listener: &observe.Listener{Service: "imaps", Address: ":993"}, Client: netip.MustParseAddrPort(client)}
	}
	wrong := gate.Answer{Outcome: gate.WrongPassword, Code: "AUTHENTICATIONFAILED"}
	l.Login(session("192.0.2.7:40312"), "alice", "PLAIN", wrong)
	l.Login(session("[2001:db8::7]:40312"), "bob", "LOGIN", wrong)
	l.Login(session("192.0.2.66:1"), `x client=198.51.100.1:1 class=wrong-password`, "LOGIN", wrong)
	l.Login(session("192.0.2.8:1"), "carol", "PLAIN", gate.Answer{Outcome: gate.Unavailable})
	l.LoginRefused(session("192.0.2.9:1"), `login failed session=a client=198.51.100.1:1 user= class=wrong-password`)
	l.Denied(session("192.0.2.10:1"), `" msg="login failed" session=a service=b client=198.51.100.1:1 class=wrong-password`, "PLAIN", gate.ErrWeakTLS)
	log.Close(time.Minute)
	return strings.Split(strings.TrimSpace(out.String()), "\n")
}
