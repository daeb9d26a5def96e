package gate

import (
	"errors"
	"testing"
)

// judge is an Observer with a fixed verdict that counts failed logins.
type judge struct {
	verdict error
	failed  int
}

func (*judge) Refused(string)              {}
func (*judge) Rejected(Rejection)          {}
func (*judge) Denied(_, _ string, _ error) {}
func (*judge) Message(Message)             {}
func (j *judge) EnterStep(Step) error      { return nil }
func (j *judge) Admit(string) error        { return j.verdict }

func (j *judge) Login(_, _ string, a Answer) {
	if !a.OK() {
		j.failed++
	}
}

func TestAdmit(t *testing.T) {
	for want, verdict := range map[Reason]error{
		Done: nil, LoginRefused: errors.New("no"), ClientGone: Because(ClientGone, nil),
	} {
		if err := (&Session{Observer: &judge{verdict: verdict}}).Admit("alice"); ReasonOf(err) != want || !errors.Is(err, verdict) {
			t.Errorf("%v is %v, want %v", verdict, err, want)
		}
	}
}
