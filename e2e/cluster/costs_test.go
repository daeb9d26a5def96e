package cluster

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

var costs = flag.String("costs", "", "file that the costs of the store are written to, for bench/scale")

// usage counts the work that the store has done so far.
type usage struct {
	commands float64
	cpu      time.Duration
	at       time.Time
	took     time.Duration // of a difference
}

// notOurs are the commands of replicas, Sentinels and this test.
var notOurs = []string{"info", "publish", "replconf", "psync", "subscribe", "auth", "role", "command", "keys"}

// used asks the primary what it has done.
func (s *site) used(t *testing.T) (u usage) {
	t.Helper()
	primary, err := s.primary()
	must(t, err)
	for _, section := range []string{"commandstats", "cpu"} {
		text, err := primary.Command("INFO", section)
		must(t, err)
		for line := range strings.Lines(text) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
			switch {
			case name == "used_cpu_sys" || name == "used_cpu_user":
				seconds, err := strconv.ParseFloat(value, 64)
				must(t, err)
				u.cpu += time.Duration(seconds * float64(time.Second))
			case strings.HasPrefix(name, "cmdstat_") && !isNotOurs(name):
				var calls float64
				_, err := fmt.Sscanf(value, "calls=%f,", &calls)
				must(t, err)
				u.commands += calls
			}
		}
	}
	u.at = time.Now()
	return u
}

func isNotOurs(name string) bool {
	for _, each := range notOurs {
		if command, _, _ := strings.Cut(strings.TrimPrefix(name, "cmdstat_"), "|"); command == each {
			return true
		}
	}
	return false
}

// since is the difference, less what passes in that time without sessions.
func (u usage) since(before, idle usage) usage {
	took := u.at.Sub(before.at)
	parts := float64(took) / float64(idle.took)
	return usage{
		commands: u.commands - before.commands - parts*idle.commands,
		cpu:      u.cpu - before.cpu - time.Duration(parts*float64(idle.cpu)), took: took,
	}
}

// idle measures what passes in a time without sessions.
func (s *site) idle(t *testing.T, quiet time.Duration) usage {
	t.Helper()
	before := s.used(t)
	time.Sleep(quiet)
	return s.used(t).since(before, usage{took: time.Second})
}

// TestStoreCosts measures what a login, a failed login and an instance cost the
// store, and writes it to a file. It needs a file, because it takes a minute.
func TestStoreCosts(t *testing.T) {
	if *costs == "" {
		t.Skip("no file for the costs: run make test-cluster COSTS=docs/scale.csv")
	}
	const times, quiet = 300, 15 * time.Second
	s := startSite(t)
	s.awaitStore(t)
	all := s.idle(t, quiet)
	text := "event,commands,cpu\n"
	for _, c := range []struct{ event, user, from, password string }{
		{"login", "user-%d", "", s.mail[0].Password}, {"failed login", "victim-%d", attackers[0], "a-wrong-word"},
	} {
		before := s.used(t)
		for i := range times {
			_ = login(balancerAddress+":993", c.from, service{"imaps", "imap", 993, true}, s.tls(), fmt.Sprintf(c.user, i), c.password)
		}
		text += s.used(t).since(before, all).line(c.event, times)
	}
	for _, i := range s.instances[1:] {
		must(t, i.process().Stop())
	}
	one := s.idle(t, quiet)
	others := usage{commands: all.commands - one.commands, cpu: all.cpu - one.cpu}
	text += others.line("second of an instance", float64(len(s.instances)-1)*quiet.Seconds())
	t.Log("\n" + text)
	must(t, os.WriteFile(*costs, []byte(text), 0o644))
}

// line is a line of the table: the costs of one of n events.
func (u usage) line(event string, n float64) string {
	return fmt.Sprintf("%s,%.2f,%.1f\n", event, u.commands/n, float64(u.cpu.Microseconds())/n)
}
