package devices

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestSenders(t *testing.T) {
	d := &Device{Senders: []string{"scanner@example.com", "example.net", ".example.org", "<>"}}
	for sender, want := range map[string]bool{
		"scanner@example.com": true, "scanner@EXAMPLE.com.": true, "Scanner@example.com": true, "boss@example.com": false,
		"any@example.net": true, "any@sub.example.net": false, "any@sub.example.org": true, "any@example.org": false,
		"": true, "scanner": false, "scanner@example.com@example.edu": false, "a@notexample.net": false,
	} {
		if err := d.Permit(sender); (err == nil) != want {
			t.Errorf("%q: %v", sender, err)
		}
	}
	if err := (&Device{Senders: []string{"example.com"}}).Permit(""); !errors.Is(err, ErrSender) {
		t.Error("the null sender must be listed", err)
	}
	if err := (&Device{}).Permit("any@example.edu"); err != nil {
		t.Error("without a list all senders are permitted", err)
	}
}

func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &Device{Rate: 60}
		sent := 0
		for begun := time.Now(); time.Since(begun) < 3*time.Hour; time.Sleep(10 * time.Second) {
			if d.Permit("a@example.com") == nil {
				sent++
			}
		}
		if sent < 238 || sent > 241 { // 60 at once, and 60 in each hour
			t.Errorf("%d messages in three hours", sent)
		}
		if err := d.Permit("a@example.com"); err == nil || !errors.Is(d.Permit("a@example.com"), ErrRate) {
			t.Error("the rate is not over")
		}
		next := New([]*Device{{Name: d.Name, Rate: 60}}, nil, New([]*Device{d}, nil, nil))
		if err := next.devices[0].Permit("a@example.com"); !errors.Is(err, ErrRate) {
			t.Error("a reload forgets the messages:", err)
		}
	})
}

func TestLastDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &Device{Until: time.Now().Add(time.Hour)}
		if err := d.Permit("a@example.com"); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour)
		if err := d.Permit("a@example.com"); !errors.Is(err, ErrEnded) {
			t.Error(err)
		}
	})
}

func passwords(t *testing.T, lines ...string) *Passwords {
	t.Helper()
	file := filepath.Join(t.TempDir(), "passwords")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return NewPasswords(file)
}

func line(t *testing.T, name, password string) string {
	t.Helper()
	text, err := Line(name, password)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestLogIn(t *testing.T) {
	p := passwords(t, "# devices", "", line(t, "erp", "correct horse"), line(t, "scanner", "battery"), line(t, "former", "staple"))
	if err := p.Load(); err != nil {
		t.Fatal(err)
	}
	inside, outside := netip.MustParsePrefix("10.0.0.0/8"), netip.MustParseAddr("192.0.2.1")
	table := New([]*Device{
		{Name: "erp", Login: true}, {Name: "scanner", Login: true, Networks: []netip.Prefix{inside}}, {Name: "fax", Networks: []netip.Prefix{inside}},
	}, p, nil)
	for _, tt := range []struct {
		client         netip.Addr
		name, password string
		want           bool
	}{
		{outside, "erp", "correct horse", true},
		{outside, "erp", "correct hors", false},
		{outside, "erp", "", false},
		{outside, "scanner", "battery", false},
		{netip.MustParseAddr("::ffff:10.0.0.7"), "scanner", "battery", true},
		{outside, "former", "staple", false},
		{outside, "nobody", "staple", false},
		{outside, "fax", "", false},
	} {
		d, err := table.LogIn(t.Context(), tt.client, tt.name, tt.password)
		if (err == nil) != tt.want || tt.want && d.Name != tt.name || err != nil && !errors.Is(err, ErrLogin) {
			t.Errorf("%v: %v, %v", tt, d, err)
		}
	}
	if !table.MayLogIn(outside) || table.At(outside) != nil || table.At(netip.MustParseAddr("10.1.1.1")).Name != "fax" {
		t.Error("networks")
	}
	ended, end := context.WithCancel(t.Context())
	end()
	for range maxTurns {
		table.turns <- struct{}{}
	}
	if _, err := table.LogIn(ended, outside, "erp", "correct horse"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// A file with a hash that cannot be checked is refused with the number of the line,
// and the passwords from before stay in use.
func TestPasswordFile(t *testing.T) {
	good := line(t, "erp", "password")
	for text, want := range map[string]string{
		"erp":                                  "line 2: the line has no name and colon",
		":" + good:                             "line 2: the line has no name and colon",
		"scanner:secret":                       "line 2: it is not a hash",
		"scanner:$2y$05$abc":                   "line 2: it is not a hash",
		good:                                   "line 2: the name is in an earlier line",
		"a:" + parameters("m=19456,t=2,p=0"):   "line 2: the parameters",
		"a:" + parameters("m=19456,t=99,p=1"):  "line 2: the parameters",
		"a:" + parameters("m=4194304,t=2,p=1"): "line 2: the parameters",
		"a:" + parameters("m=x,t=2,p=1"):       "line 2: it is not a hash",
	} {
		p := passwords(t, good, text)
		if err := p.Load(); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", text, err)
		}
		if p.Has("erp") {
			t.Error("a broken file was read")
		}
	}
}

func parameters(text string) string {
	return "$argon2id$v=19$" + text + "$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
}

// byPython is the hash that Argon2id of Python's cryptography makes of "password".
const byPython = "$argon2id$v=19$m=16384,t=2,p=1$c29tZXNhbHQ$4EP5eTEbFP+DeLeFRpl06JmgjwVQkyOgSyyinvY/868"

func TestHashOfAnotherProgram(t *testing.T) {
	h, err := parseHash(byPython)
	if err != nil {
		t.Fatal(err)
	}
	if h.String() != byPython || string(h.of("password", len(h.sum))) != string(h.sum) {
		t.Error("the hash does not verify")
	}
}

func FuzzPasswords(f *testing.F) {
	f.Add("erp:" + parameters("m=19456,t=2,p=1"))
	f.Add("# comment\n\nerp:$argon2id$v=19$m=1,t=1,p=1$$")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := parse(strings.NewReader(text))
		for name, h := range all {
			again, failed := parseHash(h.String())
			if err != nil || failed != nil || again.String() != h.String() || name == "" || h.memory > maxMemory || h.time > maxTime {
				t.Errorf("%q: %v, %v", text, err, failed)
			}
		}
	})
}
