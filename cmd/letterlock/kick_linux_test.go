package main

import (
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/test/mta"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// Sessions are ended and the backend for mail is drained again and again while mail
// goes on: no message is lost or doubled, none stays without a verdict, and a session
// of another service does not notice.
func TestKickAndDrainUnderLoad(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("NOT RUN with -short: mail under load")
	}
	const rounds, letters = 20, 1500
	u := newLoaded(t, letters)
	idle := u.idle(u.services.imaps)
	finish := u.send()
	ask := func(args ...string) string {
		t.Helper()
		status, out, said := words(append(args, "--config", u.file())...)
		if status != exitOK {
			t.Errorf("%s: %d %s", args, status, said)
		}
		return out
	}
	kicked := 0
	for i := range rounds {
		wait.Until(t, "no mail goes through", func() bool { return u.sender.Sent() >= (i+1)*letters/(rounds+1) })
		if i%4 == 3 {
			ask("backends", "drain", u.keeper.address, "--kick")
			ask("backends", "resume", u.keeper.address)
		} else if !strings.HasPrefix(ask("kick", "--service", "smtp"), "0 sessions") {
			kicked++
		}
	}
	sent := finish()
	if kicked == 0 {
		t.Error("no session was ended")
	}
	for _, problem := range mta.Check(sent, kept(t, u.mail)) {
		t.Error(problem)
	}
	all := mta.Sum(sent)
	t.Logf("%d sessions ended in %d rounds; %+v", strings.Count(u.log.String(), "outcome=kicked"), kicked, all)
	if all.Undecided > 0 {
		t.Errorf("messages stayed without a verdict: %+v", all)
	}
	u.leavesIdle(idle)
	for line := range strings.Lines(u.log.String()) {
		if strings.Contains(line, "level=ERROR") && !strings.Contains(line, "all addresses are drained") {
			t.Error(line)
		}
	}
}
