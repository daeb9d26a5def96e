package page

import (
	"strings"
	"testing"
	"time"
)

// The page says where each key is in its change, and what to do about a problem.
func TestRollovers(t *testing.T) {
	at := time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)
	rollovers := []Rollover{
		{Hosts: []string{"mail.example"}, Key: "p256", Step: "ready", Words: "the next certificate uses the next key", Since: at, Remove: []string{"3 1 1 ab"}},
		{Hosts: []string{"mail.example"}, Key: "rsa2048", Step: "publish", Words: "published", Problem: "ns1 <lacks> it", Remedy: "ask its owner", Since: at, Failures: 2},
	}
	handler := New(Options{Rollovers: func() []Rollover { return rollovers }}).Handler()
	page, metrics := get(t, handler, "/"), get(t, handler, "/metrics")
	for _, want := range []string{"DANE: ready", "the next certificate uses the next key", "3 1 1 ab", "ns1 &lt;lacks&gt; it", "ask its owner", "2027-03-01 00:00:00 UTC"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	for _, want := range []string{
		`letterlock_dane_failures{key="p256",name="mail.example"} 0`, `letterlock_dane_failures{key="rsa2048",name="mail.example"} 2`,
		`letterlock_dane_step_timestamp_seconds{key="p256",name="mail.example",step="ready"} 1.8038592e+09`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s", want)
		}
	}
}
