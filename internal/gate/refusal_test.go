package gate

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func TestWords(t *testing.T) {
	for text, want := range map[string]string{
		"554 5.7.1 Client host blocked": "554 5.7.1 Client host blocked",
		" a\tb\x00\x1b[2J\u00e9 ":       "a?b??[2J?",
		strings.Repeat("x", 1000):       strings.Repeat("x", maxWords),
		"":                              "",
	} {
		if got := Words(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestRefusesHandover(t *testing.T) {
	for words, want := range map[string]bool{
		"-ERR You are not from trusted IP":            true,
		"550 5.7.0 Error: insufficient authorization": true,
		"-ERR Unknown command.":                       true,
		"554 5.7.1 Client host blocked":               false,
		"-ERR no":                                     false,
		`NO "go away"`:                                false,
	} {
		if got := RefusesHandover(words); got != want {
			t.Errorf("%q: %v", words, got)
		}
	}
}

func TestKnowing(t *testing.T) {
	plain := Because(BackendGone, io.EOF)
	known, ok := errors.AsType[*SessionError](Knowing(plain))
	if !ok || !known.Known || known.Reason != BackendGone || !errors.Is(known, io.EOF) {
		t.Errorf("%+v", known)
	}
	if end, _ := errors.AsType[*SessionError](plain); end.Known {
		t.Error("the error itself was changed")
	}
	if Knowing(nil) != nil || Knowing(io.EOF) != io.EOF {
		t.Error("an error that is not a SessionError was changed")
	}
}
