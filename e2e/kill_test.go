// Postfix and Letterlock are killed in the middle of thousands of transactions,
// as by a power cut. No acknowledged message is missing, and a message exists
// twice only if its client received no reply.

package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"regexp"
	"sync/atomic"
	"testing"
	"time"

	"github.com/letterlock/letterlock/e2e/world"
	"github.com/letterlock/letterlock/internal/test/mta"
	"github.com/letterlock/letterlock/internal/test/wait"
)

func TestKilled(t *testing.T) {
	const letters, kills = 3000, 5
	k, err := needsServers(t).StartKeeper()
	if err != nil {
		t.Fatal(err)
	}
	atEnd(t, func() error { return k.Postfix.Stop() }) // k.Postfix is replaced after each kill
	listener := world.Listener{Name: "smtp", Service: "smtp", Backend: k.Port, Keys: []string{"recipients: [example.com]", "greet_delay: 0s"}}
	var address atomic.Value
	own := serveCustom(t, "", listener)
	address.Store(own.Address("smtp"))
	sender := &mta.Sender{
		Address: func() string { return address.Load().(string) }, TLS: &tls.Config{RootCAs: shared.ca.Pool, ServerName: "mail.example.com"},
		To: "b@example.com", Letters: letters, Sessions: 16,
	}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	sent := make(chan []mta.Letter, 1)
	go func() { sent <- sender.Run(ctx) }()
	for i := range 2 * kills {
		wait.Until(t, "no message is sent", func() bool { return sender.Sent() >= (i+1)*letters/(2*kills+1) || ctx.Err() != nil })
		if i%2 == 0 {
			if err := k.Restart(); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := own.Kill(); err != nil {
			t.Error(err)
		}
		own = serveCustom(t, "", listener)
		address.Store(own.Address("smtp"))
	}
	all := <-sent
	if ctx.Err() != nil {
		t.Fatalf("%+v within eight minutes\n%s", mta.Sum(all), k.Postfix.Log.Tail())
	}
	for _, problem := range mta.Check(all, letterIDs(t, k)) {
		t.Error(problem)
	}
	t.Logf("%d kills: %+v", 2*kills, mta.Sum(all))
	if mta.Sum(all).Undecided == 0 {
		t.Error("no transaction was interrupted by a kill")
	}
}

var letterID = regexp.MustCompile(mta.IDHeader + `([0-9]+-of-[0-9]+)`)

// letterIDs counts the letters in the queue. Each must be complete.
func letterIDs(t *testing.T, k *world.Keeper) map[string]int {
	t.Helper()
	messages, err := k.Kept()
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, text := range messages {
		m := letterID.FindSubmatch(text)
		if m == nil || !bytes.Contains(text, append([]byte("the end of "), m[1]...)) {
			t.Errorf("an unknown or incomplete message: %.1000q", text)
			continue
		}
		count[string(m[1])]++
	}
	return count
}
