package acme

import (
	"crypto"
	"crypto/tls"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/letterlock/letterlock/internal/test/pebble"
	"github.com/letterlock/letterlock/internal/test/wait"
)

const (
	day  = 24 * time.Hour
	life = 90 * day
)

// years is a keeper in a bubble with its own clock, in front of a CA without
// sockets. Tests call Serve.
type years struct {
	*Keeper
	ca  *pebble.CA
	log *wait.Log

	keys   []crypto.PublicKey
	issued map[string]bool // serial numbers seen
}

// yearsWith runs a test in a bubble, where time passes as soon as all
// goroutines wait.
func yearsWith(t *testing.T, test func(t *testing.T, y *years)) {
	ca := pebble.New(t)
	ca.Start(t, pebble.Options{Life: life, Trusting: true})
	dir := filepath.Join(t.TempDir(), "acme")
	synctest.Test(t, func(t *testing.T) {
		y := &years{ca: ca, log: &wait.Log{}, issued: map[string]bool{}}
		k, err := New(Options{
			Certificates: [][]string{{mail}}, Directory: ca.Directory, Dir: dir, HTTP: "unused", Transport: ca,
			Log: slog.New(slog.NewTextHandler(y.log, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		y.Keeper = k
		defer k.Close()
		test(t, y)
		if t.Failed() {
			t.Log(y.log)
		}
	})
}

// pass lets time pass and returns the certificates that are served then.
func (y *years) pass(t *testing.T, d time.Duration) []tls.Certificate {
	t.Helper()
	time.Sleep(d)
	synctest.Wait()
	all := y.Certificates([]string{mail})
	if len(all) != 2 {
		t.Fatalf("%d certificates at %s\n%s", len(all), time.Now().UTC(), y.log)
	}
	for i, c := range all {
		if len(y.keys) == i {
			y.keys = append(y.keys, c.Leaf.PublicKey)
		}
		if !publicKey(c).Equal(y.keys[i]) {
			t.Errorf("another %s key at %s", c.Leaf.PublicKeyAlgorithm, time.Now().UTC())
		}
		y.issued[c.Leaf.SerialNumber.String()] = true
	}
	return all
}

// Two years pass: there are never less than four weeks left, the keys stay, and
// the CA gets no more orders than need be.
func TestRenewalForYears(t *testing.T) {
	t.Parallel()
	yearsWith(t, func(t *testing.T, y *years) {
		y.Serve()
		y.pass(t, time.Minute)
		for range 730 {
			for _, c := range y.pass(t, day) {
				if left := time.Until(c.Leaf.NotAfter); left < 28*day {
					t.Fatalf("%s left at %s", left, time.Now().UTC())
				}
			}
		}
		const each = 730/60 + 1 // renewed after two thirds of 90 days
		if n := len(y.issued); n < 2*each-2 || n > 2*each+2 {
			t.Errorf("%d certificates", n)
		}
		if strings.Contains(y.log.String(), "level=WARN") || strings.Contains(y.log.String(), "level=ERROR") {
			t.Errorf("unexpected log:\n%s", y.log)
		}
	})
}

// The CA is away for longer and longer when it is needed. What there is goes
// on being served, with a word first and a louder one later, and the first
// hours of its return bring new certificates for the same keys.
func TestCAIsAway(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		away       time.Duration
		words      string
		otherwords string
	}{
		{"for a week", 67 * day, "the CA is down", "should have been renewed by now"},
		{"for two weeks", 74 * day, "should have been renewed by now", "AN EXPIRED CERTIFICATE IS SERVED"},
		{"for six weeks", 102 * day, "AN EXPIRED CERTIFICATE IS SERVED", "level=FATAL"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			yearsWith(t, func(t *testing.T, y *years) {
				y.Serve()
				old := y.pass(t, time.Minute)
				y.ca.SetDown(true)
				for i, c := range y.pass(t, tt.away) {
					if !c.Leaf.Equal(old[i].Leaf) {
						t.Errorf("an unknown certificate of %s", c.Leaf.NotBefore)
					}
				}
				if said := y.log.String(); !strings.Contains(said, tt.words) || strings.Contains(said, tt.otherwords) {
					t.Errorf("no %q, or %q already:\n%s", tt.words, tt.otherwords, said)
				}
				y.ca.SetDown(false)
				for _, c := range y.pass(t, 2*time.Hour) {
					if left := time.Until(c.Leaf.NotAfter); left < life-day {
						t.Errorf("%s left after the CA came back", left)
					}
				}
			})
		})
	}
}

// A CA that is away from the start is asked again after a minute, then less and
// less, down to once an hour.
func TestCAIsAwayAtFirst(t *testing.T) {
	t.Parallel()
	yearsWith(t, func(t *testing.T, y *years) {
		y.ca.SetDown(true)
		y.Serve()
		time.Sleep(day)
		synctest.Wait()
		if n := strings.Count(y.log.String(), "the CA cannot be reached"); n < 24 || n > 30 {
			t.Errorf("%d requests in a day", n)
		}
		y.ca.SetDown(false)
		y.pass(t, time.Hour+time.Minute)
	})
}
