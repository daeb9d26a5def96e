package page

import (
	"strings"
	"testing"
	"time"
)

// A certificate that cannot be renewed is on the page with the remedy, and in the
// metrics; the others only in the metrics.
func TestOrdersThatFail(t *testing.T) {
	at := time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)
	orders := []Order{
		{Names: []string{"good.example"}, Key: "p256", NotAfter: at.Add(time.Hour), Renewal: at},
		{Names: []string{"bad.example", "b.example"}, Key: "p256", Problem: "CAA forbids <it>", Remedy: "add the CA", Since: at, Retry: at, Failures: 3},
		{Names: []string{"bad.example"}, Key: "p256"},
		{Names: []string{"refused.example"}, Key: "rsa2048", NotAfter: at, Problem: "clients would refuse it", Remedy: "another one is ordered", Since: at, Retry: at, Refusals: 2},
	}
	handler := New(Options{Orders: func() ([]Order, time.Duration) { return orders, -time.Minute }}).Handler()
	page, metrics := get(t, handler, "/"), get(t, handler, "/metrics")
	for _, want := range []string{"bad.example", "CAA forbids &lt;it&gt;", "add the CA", "3 orders failed since", "2 certificates were refused since", "2027-03-01 00:00:00 UTC"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	if strings.Contains(page, "good.example") {
		t.Error("the page has a certificate without a problem")
	}
	for _, want := range []string{
		`letterlock_acme_failures{key="p256",name="bad.example"} 3`, `letterlock_acme_failures{key="p256",name="good.example"} 0`,
		`letterlock_acme_renewal_timestamp_seconds{key="p256",name="good.example"} 1.8038592e+09`, `letterlock_acme_clock_offset_seconds -60`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s", want)
		}
	}
}

// A certificate of a few days is as good on its second day as one of 90 days on its
// thirtieth.
func TestExpiryOfShortCertificates(t *testing.T) {
	const day = 24 * time.Hour
	for _, tt := range []struct {
		life, left time.Duration
		want       level
	}{
		{90 * day, 30 * day, good}, {90 * day, 20 * day, warn}, {90 * day, 6 * day, bad},
		{6 * day, 3 * day, good}, {6 * day, 30 * time.Hour, warn}, {6 * day, 10 * time.Hour, bad}, {6 * day, -time.Hour, bad},
	} {
		now := time.Now()
		c := CertificateInfo{NotBefore: now.Add(tt.left - tt.life), NotAfter: now.Add(tt.left)}
		if got := expiry(c, now); got.Level != tt.want {
			t.Errorf("%s of %s left: %v", tt.left, tt.life, got)
		}
	}
}
