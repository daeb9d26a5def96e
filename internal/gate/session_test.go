package gate

import (
	"errors"
	"testing"
)

// judge is a Watch with one verdict.
type judge struct{ verdict error }

func (judge) Refused(string)             {}
func (judge) Login(string, string, bool) {}
func (j judge) Admit(string) error       { return j.verdict }

func TestAdmit(t *testing.T) {
	for want, verdict := range map[Reason]error{
		Done: nil, LoginRefused: errors.New("no"), ClientGone: Because(ClientGone, nil),
	} {
		if err := (&Session{Watch: judge{verdict}}).Admit("alice"); ReasonOf(err) != want || !errors.Is(err, verdict) {
			t.Errorf("%v is %v, want %v", verdict, err, want)
		}
	}
}
