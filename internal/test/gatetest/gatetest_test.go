package gatetest

import (
	"io"
	"slices"
	"testing"

	"github.com/letterlock/letterlock/internal/gate"
)

// TestBothSides relays two lines between client and backend: each receives the
// line of the other.
func TestBothSides(t *testing.T) {
	client := &Client{Text: []byte("one\r\ntwo\r\n"), Piece: func() int { return 2 }}
	backend := &Backend{Answer: func(line string) string { return "got " + line + "\n" }}
	front, back := client.Front(), Back(backend)
	for {
		line, err := front.ReadCommand()
		if err != nil {
			if gate.ReasonOf(gate.FromClient(err)) != gate.ClientGone {
				t.Error(err)
			}
			break
		}
		back.Print(string(line), "\r\n")
		_ = back.Flush()
		answer, err := back.ReadLine()
		if err != nil {
			t.Fatal(err)
		}
		front.Print(string(answer), "\r\n")
	}
	_ = front.Flush()
	if output := client.Output.String(); output != "got one\r\ngot two\r\n" || !slices.Equal(backend.Received, []string{"one", "two"}) {
		t.Errorf("the client received %q, the backend %q", output, backend.Received)
	}
	if _, err := backend.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the backend has more to send: %v", err)
	}
}

func TestScripted(t *testing.T) {
	b := Scripted("hello|one\r\nand more|two")
	if _, err := b.Write([]byte("a\r\nb\r\nc\r\n")); err != nil {
		t.Fatal(err)
	}
	if got := b.Replies.String(); got != "hello\r\none\r\nand more\r\ntwo\r\n" {
		t.Errorf("the replies are %q", got)
	}
}

func TestObserver(t *testing.T) {
	s := Session(3)
	w := s.Observer.(*Observer)
	s.Observer.Refused("AUTH")
	if err := s.Observer.Admit("alice"); err != nil {
		t.Error(err)
	}
	s.Observer.Login("alice", "PLAIN", gate.Answer{})
	s.Observer.Login("bob", "LOGIN", gate.Answer{Outcome: gate.WrongPassword})
	w.Full = true
	if err := s.Observer.Admit("carol"); err == nil {
		t.Error("Full does not refuse logins")
	}
	if !slices.Equal(w.RefusedPlaintext, []string{"AUTH"}) || !slices.Equal(w.Admitted, []string{"alice", "carol"}) || !slices.Equal(w.Logins, []string{"alice PLAIN yes", "bob LOGIN no"}) {
		t.Errorf("%+v", w)
	}
}
