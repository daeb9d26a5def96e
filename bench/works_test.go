//go:build linux

package main

import (
	"slices"
	"testing"
	"time"

	"github.com/letterlock/letterlock/bench/load"
	"github.com/letterlock/letterlock/bench/peers"
)

func TestWorks(t *testing.T) {
	for _, quick := range []bool{false, true} {
		rows := make(map[string]int)
		for _, w := range works(quick) {
			if !slices.Contains(peers.Services, w.service) {
				t.Errorf("%s: no proxy offers %s", w.name, w.service)
			}
			if w.idle == 0 && (w.job.Count < w.job.Sessions || w.job.Sessions == 0) {
				t.Errorf("%s: %d operations in %d sessions", w.name, w.job.Count, w.job.Sessions)
			}
			for _, f := range w.figures {
				rows[w.section+": "+w.name+f.suffix]++
			}
		}
		for _, w := range works(quick) {
			for _, f := range w.figures {
				if name := w.section + ": " + w.name + f.suffix; rows[name] != 1 {
					t.Errorf("%d rows have the name %s", rows[name], name)
				}
				if f.against != "" && rows[w.section+": "+f.against] != 1 {
					t.Errorf("%s is compared with %s, which is not a row", w.name, f.against)
				}
			}
		}
	}
}

func TestFigures(t *testing.T) {
	o := outcome{
		cpu: 2 * time.Second, bytes: 4 << 30, result: load.Result{Done: 1000, Took: 500 * time.Millisecond},
		before: 1 << 20, after: 5 << 20, late: 3 << 20, sessions: 1024,
	}
	for name, pair := range map[string][2]float64{
		"µs": {o.microseconds(), 2000}, "s/GiB": {o.perGiB(), 0.5}, "1/s": {o.rate(), 2000},
		"at once": {o.kib(o.after), 4}, "later": {o.kib(o.late), 2},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %v, want %v", name, pair[0], pair[1])
		}
	}
}

func TestOnlyTheSameWorkCounts(t *testing.T) {
	job := load.Job{Kind: load.Session, Group: x25519}
	good := load.Result{Group: x25519, Version: "TLS 1.3", Fresh: 100, Resumed: 100}
	for name, test := range map[string]struct {
		change func(*load.Job, *load.Result)
		same   bool
	}{
		"the same":       {func(*load.Job, *load.Result) {}, true},
		"another group":  {func(_ *load.Job, r *load.Result) { r.Group = "CurveP256" }, false},
		"TLS 1.2, P-256": {func(j *load.Job, r *load.Result) { j.TLS12, r.Version, r.Group = true, "TLS 1.2", "CurveP256" }, true},
		"TLS 1.2":        {func(_ *load.Job, r *load.Result) { r.Version = "TLS 1.2" }, false},
		"resumed":        {func(j *load.Job, _ *load.Result) { j.Resume = true }, true},
		"hardly resumed": {func(j *load.Job, r *load.Result) { j.Resume, r.Resumed = true, 50 }, false},
		"flood":          {func(j *load.Job, r *load.Result) { j.Kind, r.Group = load.Flood, "" }, true},
	} {
		j, r := job, good
		test.change(&j, &r)
		if err := same(j, r); (err == nil) != test.same {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOptions(t *testing.T) {
	o, err := parseOptions([]string{"-rounds", "5", "-peers", "nginx,HAProxy", "-only", "noop", "-write", "docs"})
	if err != nil || o.rounds != 5 || !slices.Equal(o.peers, []string{"nginx", "haproxy"}) || !o.only.MatchString("IMAP NOOP") {
		t.Errorf("%+v, %v", o, err)
	}
	if o.command != "bench -only='noop' -peers='nginx,HAProxy' -rounds='5'" {
		t.Error(o.command)
	}
	for _, wrong := range [][]string{{"-rounds", "0"}, {"-only", "("}, {"more"}} {
		if _, err := parseOptions(wrong); err == nil {
			t.Errorf("%q is accepted", wrong)
		}
	}
	if _, _, err := chosen(&stage{}, &options{peers: []string{"sendmail"}}); err == nil {
		t.Error("an unknown proxy is accepted")
	}
}

// TestFloorIsSuited checks that downloads go through the floor's relay without
// TLS, and that sessions use the floor's TLS.
func TestFloorIsSuited(t *testing.T) {
	f := peers.NewFloor("bench")
	if service, job := suited(f, "imaps", load.Job{Kind: load.Download}); service != "imap" || !job.Plain {
		t.Errorf("a download goes to %s, without TLS: %t", service, job.Plain)
	}
	if service, job := suited(f, "imaps", load.Job{Kind: load.Session}); service != "imaps" || job.Plain {
		t.Errorf("a session goes to %s, without TLS: %t", service, job.Plain)
	}
	if service, job := suited(&peers.Peer{}, "imaps", load.Job{Kind: load.Download}); service != "imaps" || job.Plain {
		t.Errorf("a download from a proxy goes to %s, without TLS: %t", service, job.Plain)
	}
}
