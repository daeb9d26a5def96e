package wire

import (
	"fmt"
	"slices"
	"testing"
)

// tapped keeps what a Tap receives.
type tapped []string

func (t *tapped) Tapped(kind Tapped, p []byte) { *t = append(*t, fmt.Sprintf("%d %s", kind, p)) }

// A Tap receives each line once, when it is read, and as what it is read.
func TestTap(t *testing.T) {
	c, peer := pair(t, generous)
	seen := &tapped{}
	c.Tap = seen
	send(t, peer, "NOOP\r\nbad\nliteral and more\r\n")
	for range 2 {
		if _, err := c.ReadCommand(); err != nil {
			t.Fatal(err)
		}
		c.UnreadLine()
	}
	_, _ = c.ReadCommand()
	_, _ = c.ReadLine() // a bare LF
	if _, err := c.Literal(len("literal")); err != nil {
		t.Fatal(err)
	}
	_, _ = c.ReadLine()
	c.Print("250 ok\r\n")
	_ = c.Flush()
	_ = peer.Close()
	_, _ = c.ReadLine()
	want := tapped{"0 NOOP\r\n", "1 bad\n", "2 literal", "1  and more\r\n", "3 250 ok\r\n", "6 "}
	if !slices.Equal(*seen, want) {
		t.Errorf("the tap has received %q, not %q", *seen, want)
	}
}
