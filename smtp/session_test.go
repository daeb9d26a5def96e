package smtp

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/dialog"
	"github.com/letterlock/letterlock/internal/gate"
)

// The options of a session in memory, as bits.
const (
	onMX = 1 << iota
	implicit
	rejecting
	withReceived
	noPipelining
	noChunking
	verifying
	leaving
)

// checkSession runs a session in memory, and compares what the backend has read
// with the replies to the client.
func checkSession(t *testing.T, c *caller, said string, options byte, seed uint64) {
	t.Helper()
	o := Options{RequireTLS: true, Auth: RequireAuth, RejectBareNewline: options&rejecting != 0, Received: options&withReceived != 0, DisableVRFY: options&verifying == 0}
	if options&onMX != 0 {
		o.RequireTLS, o.Auth = false, Auth(seed%2)
	}
	offers := []string{"PIPELINING", "CHUNKING", "BINARYMIME", "AUTH PLAIN LOGIN", "8BITMIME", "STARTTLS"}
	if options&noChunking != 0 {
		offers = offers[:1]
	}
	if options&noPipelining != 0 {
		offers = offers[1:]
	}
	random := rand.New(rand.NewPCG(seed, 2))
	back := newReference(random, offers...)
	if options&leaving != 0 {
		back.leaves = 1 + random.IntN(12)
	}
	c.text, c.cut = []byte(said), cutting(seed)
	err := converse(New(facts(), o), c, back, options&implicit != 0)
	output := c.received()
	show := func(problem string) {
		t.Fatalf("%s\nthe client sent %q\nand received %q\nthe backend read %+v\nended: %v", problem, said, output, back.read, err)
	}
	if back.fault != "" {
		show("the backend was sent what it should not be: " + back.fault)
	}
	a := &account{said: said, output: output, rejects: o.RejectBareNewline}
	a.settle()
	if a.fault != "" {
		show(a.fault)
	}
	why := gate.ReasonOf(err)
	if why == gate.Internal || why.Backend() && !back.gone && back.due.Len() == 0 && !helloRefused(back, why) {
		show("the session must not end so")
	}
	if options&withReceived != 0 {
		withoutHeaders(back.read)
	}
	read, problem := assembled(back.read, a.done)
	if problem == "" {
		problem = compare(a.done, read, why != gate.Done)
	}
	if problem != "" {
		show(problem)
	}
}

// helloRefused reports whether the backend has refused EHLO or HELO, after
// which the session may end.
func helloRefused(back *reference, why gate.Reason) bool {
	return why == gate.BackendRefused && len(back.read) > 0
}

// withoutHeaders removes the gate's Received header from each message.
func withoutHeaders(read []reading) {
	begun := false
	for i, r := range read {
		switch {
		case r.verb == "text":
			read[i].text = withoutHeader(r.text)
		case r.verb == "BDAT" && !begun:
			read[i].text = withoutHeader(r.text)
		}
		switch {
		case r.verb == "BDAT":
			begun = !strings.HasSuffix(r.args, "LAST")
		case r.code == 250 && slices.Contains([]string{"MAIL", "RSET", "EHLO", "HELO"}, r.verb):
			begun = false
		}
	}
}

// withoutHeader removes one Received header of the gate from a text, which must
// have it.
func withoutHeader(text string) string {
	header, rest, found := strings.Cut(text, "; "+facts().Mail.Date()+"\r\n")
	if !found || !strings.HasPrefix(header, "Received: from ") {
		return "no header: " + text
	}
	return rest
}

// FuzzSession checks that the backend has read what the client's replies
// report, for any input in any pieces.
func FuzzSession(f *testing.F) {
	certs := certificates(f)
	for _, said := range dialog.Said(f, "testdata/*.dialog", 'C') {
		for _, options := range []byte{0, onMX, implicit, onMX | implicit | rejecting, onMX | implicit | withReceived} {
			f.Add(said, options, uint64(len(said)))
		}
	}
	f.Fuzz(func(t *testing.T, said string, options byte, seed uint64) {
		checkSession(t, &caller{certs: certs}, said, options, seed)
	})
}

// TestBackendReadsWhatRepliesReport is FuzzSession with inputs made of usual
// commands and of attacks.
func TestBackendReadsWhatRepliesReport(t *testing.T) {
	certs := certificates(t)
	sessions := 3000
	if testing.Short() {
		sessions = 300
	}
	for seed := range uint64(sessions) {
		random := rand.New(rand.NewPCG(seed, 3))
		checkSession(t, &caller{certs: certs}, ramble(random), byte(random.Uint32()), seed)
		if t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
}
