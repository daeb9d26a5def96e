package limit

import (
	"errors"
	"testing"
	"time"
)

func TestTurnsAreWaitedFor(t *testing.T) {
	turns := NewTurns(1, 0, []string{"imap"})["imap"]
	first, late := turns.New(time.Now().Add(time.Minute), nil), turns.New(time.Now(), nil)
	if err := first.Acquire(); err != nil {
		t.Fatal(err)
	}
	if err := late.Acquire(); !errors.Is(err, errTooManyHandshakes) {
		t.Fatal(err)
	}
	late.Release()
	first.Release()
	if turns.InUse() != 0 {
		t.Fatal("a turn is kept")
	}
	if err := late.Acquire(); err != nil {
		t.Fatal(err)
	}
}

// A flood of one service leaves other services their own turns.
func TestServicesHaveTurnsOfTheirOwn(t *testing.T) {
	turns := NewTurns(10, 40, []string{"imap", "smtp"}) // 2 for each, and 6
	for range 8 {
		if err := turns["smtp"].New(time.Now(), nil).Acquire(); err != nil {
			t.Fatal(err)
		}
	}
	if err := turns["smtp"].New(time.Now(), nil).Acquire(); err == nil {
		t.Error("smtp takes what imap has for itself")
	}
	for range 2 {
		if err := turns["imap"].New(time.Now(), nil).Acquire(); err != nil {
			t.Error(err)
		}
	}
}
