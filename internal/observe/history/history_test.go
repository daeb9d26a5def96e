package history

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe"
)

func session(id, client, user string) *observe.Session {
	return &observe.Session{
		ID: id, Listener: &observe.Listener{Service: "imaps", Address: ":993"}, Client: netip.MustParseAddrPort(client),
		User: user, Settled: user != "", Opened: time.Now(),
	}
}

// The refusals of a session are kept with the session.
func TestRefusalsStayWithTheirSession(t *testing.T) {
	h := New()
	s := session("a", "192.0.2.7:40000", "")
	h.LoginRefused(s, "LOGIN")
	h.Login(s, "alice", "PLAIN", gate.Answer{Outcome: gate.WrongPassword, Code: "AUTHENTICATIONFAILED"})
	h.Login(s, "alice", "PLAIN", gate.Answer{}) // accepted
	h.Denied(s, "alice", "", errors.New("too many"))
	if open := h.Refusals("a"); len(open) != 3 || open[1].Class != "wrong-password" || open[1].User != "alice" {
		t.Errorf("%+v", open)
	}
	s.User, s.Settled = "alice", true
	h.Closed(s, observe.Summary{Reason: gate.BackendGone, Err: errors.New("reset")})
	all := h.Endings()
	if len(all) != 1 || all[0].Reason != gate.BackendGone || all[0].Error != "reset" || all[0].User != "alice" || len(all[0].Refusals) != 3 {
		t.Errorf("%+v", all)
	}
	if len(h.Refusals("a")) != 0 {
		t.Error("a session that has ended is kept as an open one")
	}
}

// A connection without a byte is not kept, so that the checks of a load balancer do not
// displace other endings.
func TestSilentConnections(t *testing.T) {
	h := New()
	h.Closed(session("silent", "192.0.2.7:1", ""), observe.Summary{Reason: gate.ClientGone})
	h.Closed(session("short", "192.0.2.7:1", ""), observe.Summary{Reason: gate.ClientGone, Received: 1})
	if all := h.Endings(); len(all) != 1 || all[0].ID != "short" {
		t.Errorf("kept are %v", all)
	}
}

// Clients without a login displace neither the sessions of users nor, alone, those of
// other clients; and the memory is bounded.
func TestBounds(t *testing.T) {
	h := New()
	h.Closed(session("user", "192.0.2.7:1", "alice"), observe.Summary{})
	h.Closed(session("other", "192.0.2.9:1", ""), observe.Summary{})
	for i := range 3 * maxEndings {
		s := session(fmt.Sprint(i), "192.0.2.8:1", "")
		for range 2 * maxRefusals {
			h.Rejected(s, gate.Rejection{Reply: strings.Repeat("x", 10*maxText)})
		}
		if n := len(h.Refusals(s.ID)); n != maxRefusals {
			t.Fatalf("%d refusals", n)
		}
		h.Closed(s, observe.Summary{})
	}
	found := map[string]bool{}
	for _, e := range h.Endings() {
		found[e.ID] = true
		for _, r := range e.Refusals {
			if len(r.Text) > maxText+len("…") {
				t.Fatalf("a text of %d bytes", len(r.Text))
			}
		}
	}
	if !found["user"] || !found["other"] || len(found) != maxShare+2 || !found[fmt.Sprint(3*maxEndings-1)] || found["0"] {
		t.Errorf("kept are %d, the user's: %t, the other client's: %t", len(found), found["user"], found["other"])
	}
	for i := range 3 * maxEndings {
		client := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 1)
		h.Closed(session(fmt.Sprint("n", i), client.String(), ""), observe.Summary{})
	}
	if len(h.Endings()) != maxEndings+1 || len(h.shares) > maxEndings || h.Endings()[0].ID != fmt.Sprint("n", 3*maxEndings-1) {
		t.Errorf("%d endings, %d shares", len(h.Endings()), len(h.shares))
	}
	for i := range 2 * maxOpen {
		h.LoginRefused(session(fmt.Sprint("o", i), "192.0.2.8:1", ""), "LOGIN")
	}
	if len(h.refusals) != maxOpen {
		t.Errorf("%d open sessions", len(h.refusals))
	}
}
