package limit

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

func newLimited() *Logins {
	l := NewLogins()
	l.Set(LoginLimits{PerClient: 10, PerUser: 5, Delay: 15 * time.Second, Forget: time.Hour})
	return l
}

// The list shows who is delayed or refused, and for how long.
func TestFailuresAreListed(t *testing.T) {
	l, now, client := newLimited(), time.Unix(1_800_000_000, 0), netip.MustParseAddr("192.0.2.7")
	for range 5 {
		l.Failed(client, "Alice", now)
	}
	home := netip.MustParseAddr("2001:db8::1")
	l.Succeeded(home, "bob", now)
	l.Failed(home, "bob", now)
	found := map[string]LoginFailure{}
	for _, f := range l.Failures(now) {
		found[fmt.Sprint(f.Client, f.User)] = f
	}
	if len(found) != 3 {
		t.Fatalf("%+v", found)
	}
	if f := found["invalid IPAlice"]; f.Failures != 5 || f.Limit != 5 || f.Why != errUserFailed || f.Until.Sub(now).Round(time.Second) != 12*time.Minute {
		t.Errorf("the user: %+v", f)
	}
	if f := found["192.0.2.7"]; f.Failures != 5 || f.Delay != 4*time.Second || f.Why != nil {
		t.Errorf("the client: %+v", f)
	}
	if f := found["2001:db8::bob"]; f.Failures != 1 || f.Delay != 0 {
		t.Errorf("the known pair: %+v", f)
	}
	if _, err := l.Admit(netip.MustParseAddr("192.0.2.8"), "alice", now.Add(13*time.Minute)); err != nil {
		t.Errorf("the user is refused longer than listed: %v", err)
	}
	if all := l.Failures(now.Add(2 * time.Hour)); len(all) != 0 || len(l.names) != 0 {
		t.Errorf("forgotten failures are listed: %+v", all)
	}
}

func TestForget(t *testing.T) {
	now, client, other := time.Unix(1_800_000_000, 0), netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("192.0.2.8")
	for _, test := range []struct {
		name             string
		client           netip.Addr
		user             string
		forgotten, lefts int
	}{
		{"the user", netip.Addr{}, "ALICE", 2, 3}, // of all clients, and with the known one
		{"the client", client, "", 1, 4},
		{"the pair", other, "alice", 1, 4},
		{"unknown", netip.MustParseAddr("192.0.2.99"), "", 0, 5},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newLimited()
			l.Succeeded(other, "alice", now)
			l.Failed(other, "alice", now)
			l.Failed(client, "alice", now)
			l.Failed(client, "bob", now)
			l.Failed(netip.MustParseAddr("192.0.2.9"), "", now)
			if n := l.Forget(test.client, test.user, now); n != test.forgotten {
				t.Errorf("%d were forgotten", n)
			}
			if all := l.Failures(now); len(all) != test.lefts {
				t.Errorf("left are %+v", all)
			}
		})
	}
}

// A user is released even if the name has made room for others.
func TestForgetWithoutAName(t *testing.T) {
	l, now := newLimited(), time.Unix(1_800_000_000, 0)
	for range 5 {
		l.Failed(netip.MustParseAddr("192.0.2.7"), "alice", now)
	}
	clear(l.names)
	if n := l.Forget(netip.Addr{}, "alice", now); n != 1 {
		t.Errorf("%d were forgotten", n)
	}
	if _, err := l.Admit(netip.MustParseAddr("192.0.2.8"), "alice", now); err != nil {
		t.Error(err)
	}
}

// A client that tries many users does not displace those with more failures.
func TestNamesAreBounded(t *testing.T) {
	l, now := newLimited(), time.Unix(1_800_000_000, 0)
	for range 4 {
		l.Failed(netip.MustParseAddr("192.0.2.7"), "alice", now)
	}
	for i := range 3 * maxNames {
		l.Failed(netip.MustParseAddr("192.0.2.8"), fmt.Sprintf("user%d", i), now)
	}
	if len(l.names) > maxNames {
		t.Errorf("%d names", len(l.names))
	}
	for _, f := range l.Failures(now) {
		if f.User == "alice" && f.Failures == 4 {
			return
		}
	}
	t.Error("alice was displaced")
}
