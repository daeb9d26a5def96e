//go:build !race

package socketio

import (
	"io"
	"testing"

	"github.com/letterlock/letterlock/internal/test/loopback"
)

func TestAllocatesNothing(t *testing.T) {
	ours, theirs := pair(t, loopback.Listen(t))
	b := make([]byte, 100)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := ours.Write(b); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(theirs, b); err != nil {
			t.Fatal(err)
		}
		if _, err := theirs.Write(b); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(ours, b); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for a round trip", n)
	}
}
