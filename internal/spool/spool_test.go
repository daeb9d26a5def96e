package spool

import (
	"errors"
	"testing"

	"github.com/letterlock/letterlock/internal/gate"
)

// All messages together stay below the limit, and closing a message frees its
// space.
func TestMessagesShareTheLimit(t *testing.T) {
	var s Spool
	s.SetLimit(10)
	closed := 0
	open := func() *File {
		f, err := s.New(func() { closed++ })
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	first, second := open(), open()
	if _, err := first.WriteString("12345678"); err != nil {
		t.Fatal(err)
	}
	if _, err := second.WriteString("123"); !errors.Is(err, gate.ErrSpoolFull) {
		t.Fatalf("beyond the limit: %v", err)
	}
	if err := first.Close(); err != nil || closed != 1 {
		t.Fatalf("%v, closed %d times", err, closed)
	}
	if _, err := second.WriteString("1234567890"); err != nil {
		t.Fatal(err)
	}
}
