package page

import (
	"maps"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
)

// tally counts by keys, of which there are few: each field of a key comes from
// a closed vocabulary.
type tally[K comparable] map[K]uint64

// The keys. A service is one of the configured ones.
type (
	handshake struct {
		service string
		parameters
	}
	failed  struct{ service, class string }
	refusal struct{ service, command string }
	login   struct {
		service, mechanism string
		outcome            gate.Outcome
	}
	mail      struct{ service, outcome string }
	rejection struct{ service, command, by string }
	outcome   struct {
		service, version string // the version is none without TLS
		reason           gate.Reason
	}
)

// counts are all sums since the start.
type counts struct {
	opened, resumed, rejected, silent, headerless, received, sent tally[string] // by service

	open       map[string]int // by service
	handshakes tally[handshake]
	failures   tally[failed]
	exceptions tally[exceptionUse]
	refused    tally[refusal]
	logins     tally[login]
	outcomes   tally[outcome]
	denied     tally[string] // logins that the proxy itself has refused, by service
	messages   tally[mail]
	rejections tally[rejection]
	durations  map[string]histogram // by service
}

func newCounts() counts {
	return counts{
		opened: tally[string]{}, resumed: tally[string]{}, rejected: tally[string]{}, silent: tally[string]{}, headerless: tally[string]{}, received: tally[string]{}, sent: tally[string]{},
		open: map[string]int{}, handshakes: tally[handshake]{}, failures: tally[failed]{}, exceptions: tally[exceptionUse]{}, refused: tally[refusal]{},
		logins: tally[login]{}, outcomes: tally[outcome]{}, denied: tally[string]{}, messages: tally[mail]{}, rejections: tally[rejection]{}, durations: map[string]histogram{},
	}
}

// close counts a session that has ended.
func (c *counts) close(s *session) {
	c.open[s.service]--
	c.outcomes[outcome{s.service, s.version, s.end.reason}]++
	c.received[s.service] += s.end.received
	c.sent[s.service] += s.end.sent
	h := c.durations[s.service]
	h.observe(s.end.at.Sub(s.opened))
	c.durations[s.service] = h
}

// clone is a copy in which each of the services appears, if only with zeros:
// a rate can be taken only of what was there before.
func (c *counts) clone(services []string) counts {
	copied := counts{
		opened: maps.Clone(c.opened), resumed: maps.Clone(c.resumed), rejected: maps.Clone(c.rejected), silent: maps.Clone(c.silent), headerless: maps.Clone(c.headerless),
		received: maps.Clone(c.received), sent: maps.Clone(c.sent), open: maps.Clone(c.open),
		handshakes: maps.Clone(c.handshakes), failures: maps.Clone(c.failures), exceptions: maps.Clone(c.exceptions), refused: maps.Clone(c.refused),
		logins: maps.Clone(c.logins), outcomes: maps.Clone(c.outcomes), denied: maps.Clone(c.denied), messages: maps.Clone(c.messages), rejections: maps.Clone(c.rejections), durations: maps.Clone(c.durations),
	}
	for _, service := range services {
		copied.open[service] += 0
		if _, seen := copied.durations[service]; !seen {
			copied.durations[service] = histogram{}
		}
		for _, t := range []tally[string]{copied.opened, copied.resumed, copied.rejected, copied.silent, copied.headerless, copied.received, copied.sent} {
			t[service] += 0
		}
	}
	return copied
}

// bounds are the upper ends of the histogram's buckets in seconds: from a
// probe's blink to a phone that sits in IDLE for a day.
var bounds = [...]float64{0.05, 0.25, 1, 5, 15, 60, 300, 1800, 7200, 28800, 86400}

// histogram is a distribution of durations.
type histogram struct {
	buckets [len(bounds)]uint64 // each without those below it
	count   uint64
	sum     float64 // seconds
}

func (h *histogram) observe(d time.Duration) {
	seconds := max(d, 0).Seconds()
	h.count++
	h.sum += seconds
	for i, bound := range bounds {
		if seconds <= bound {
			h.buckets[i]++
			return
		}
	}
}
