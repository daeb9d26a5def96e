package page

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe"
)

// report is everything that the page shows, and /status.json as it stands:
// its JSON names are kept, since scripts read them. Times are UTC, counts are
// since the start, and no list is longer than its vocabulary or its bound.
type report struct {
	Hostname string    `json:"hostname"`
	Version  string    `json:"version,omitempty"`
	Started  time.Time `json:"started"`
	Now      time.Time `json:"now"`

	Sessions totals    `json:"sessions"`
	Services []service `json:"services"`
	SMTP     split     `json:"smtp"` // of ended sessions

	Versions []share `json:"tls_versions"` // of handshakes
	Suites   []share `json:"tls_suites"`
	Groups   []share `json:"tls_groups"`

	Outcomes          []share     `json:"outcomes"`
	HandshakeFailures []share     `json:"handshake_failures"`
	RefusedBeforeTLS  []share     `json:"refused_before_tls"`
	Logins            []logins    `json:"logins"`
	Exceptions        []exception `json:"exceptions"`

	Listeners    []Listener        `json:"listeners"`
	Certificates []CertificateInfo `json:"certificates"`
	Files        []File            `json:"files"`

	Open   []sessionLine `json:"open"`   // the newest
	Recent []sessionLine `json:"recent"` // the last that have ended, newest first
}

// totals are sums over all services.
type totals struct {
	Open              int    `json:"open"`
	Opened            uint64 `json:"opened"`
	Rejected          uint64 `json:"rejected"`
	Handshakes        uint64 `json:"tls_handshakes"`
	HandshakeFailures uint64 `json:"tls_handshake_failures"`
	Logins            uint64 `json:"logins"`
	LoginFailures     uint64 `json:"login_failures"`
}

// service is one row for each service that is configured or was seen.
type service struct {
	Name     string `json:"name"`
	Open     int    `json:"open"`
	Opened   uint64 `json:"opened"`
	Rejected uint64 `json:"rejected"`
	split
	Resumed  uint64 `json:"tls_resumed"`
	Received uint64 `json:"received_bytes"`
	Sent     uint64 `json:"sent_bytes"`
}

// split tells how many of the ended sessions had TLS. Where a policy requires
// it, those without are clients that never got so far.
type split struct {
	TLS       uint64 `json:"ended_with_tls"`
	Plaintext uint64 `json:"ended_without_tls"`
}

// Percent is the share of TLS in at least one session.
func (s split) Percent() float64 { return 100 * float64(s.TLS) / float64(s.TLS+s.Plaintext) }

// share is one row of a list: how often something was so.
type share struct {
	Name  string `json:"name"`
	About string `json:"about,omitempty"`
	Hint  string `json:"hint,omitempty"`
	Count uint64 `json:"count"`

	Percent float64 `json:"-"` // of the list's sum
	Level   level   `json:"-"`
}

// logins are the backend's answers.
type logins struct {
	Service     string `json:"service"`
	Mechanism   string `json:"mechanism"`
	OK          uint64 `json:"ok"`
	Failed      uint64 `json:"failed"` // a wrong password
	Unavailable uint64 `json:"unavailable"`
	Refused     uint64 `json:"refused"` // for another reason
}

// sessionLine is one session, in words; the last fields are those of ended
// ones. Bytes are counted inside TLS.
type sessionLine struct {
	ID      string    `json:"id"`
	Service string    `json:"service"`
	Client  string    `json:"client"`
	User    string    `json:"user,omitempty"`
	TLS     string    `json:"tls"`
	Suite   string    `json:"suite,omitempty"`
	Group   string    `json:"group,omitempty"`
	Opened  time.Time `json:"opened"`

	Ended    time.Time `json:"ended,omitzero"`
	Outcome  string    `json:"outcome,omitempty"`
	Received uint64    `json:"received_bytes,omitempty"`
	Sent     uint64    `json:"sent_bytes,omitempty"`

	Level level `json:"-"` // of the outcome
}

// level is how a row is coloured.
type level string

const (
	good level = "good"
	warn level = "warn"
	bad  level = "bad"
)

// report gathers what has been counted until now. The lock is held only for
// copying: sorting and writing keep no session waiting.
func (s *Status) report() report {
	listeners := s.options.Listeners()
	counts := s.snapshot(listeners)
	open, recent := s.sessions()
	r := report{
		Hostname: s.options.Hostname(), Version: s.options.Version, Started: s.started.UTC(), Now: time.Now().UTC(),
		Listeners: listeners, Certificates: s.options.Certificates(), Files: s.options.Files(), Open: lines(open), Recent: lines(recent),
	}
	r.Services = counts.services()
	for _, each := range r.Services {
		r.Sessions.Open += each.Open
		r.Sessions.Opened += each.Opened
		r.Sessions.Rejected += each.Rejected
		if each.Name == "smtp" {
			r.SMTP = each.split
		}
	}
	r.Versions = shares(counts.handshakes, func(h handshake) share { return share{Name: h.version, Level: versionLevel(h.version)} })
	r.Suites = shares(counts.handshakes, func(h handshake) share { return share{Name: h.suite} })
	r.Groups = shares(counts.handshakes, func(h handshake) share { return share{Name: h.group} })
	r.Outcomes = shares(counts.outcomes, func(o outcome) share {
		return share{Name: o.reason.String(), About: o.reason.Sentence(), Hint: o.reason.Remedy(), Level: reasonLevel(o.reason)}
	})
	r.HandshakeFailures = shares(counts.failures, func(f failed) share { return share{Name: f.class, About: observe.AboutFailure(f.class)} })
	r.RefusedBeforeTLS = shares(counts.refused, func(c refusal) share { return share{Name: c.command} })
	r.Logins, r.Exceptions = counts.loginRows(), counts.exceptionRows()
	r.Sessions.Handshakes, r.Sessions.HandshakeFailures = sum(counts.handshakes), sum(counts.failures)
	for _, row := range r.Logins {
		r.Sessions.Logins += row.OK
		r.Sessions.LoginFailures += row.Failed
	}
	return r
}

// snapshot copies the counts, with all services of the listeners.
func (s *Status) snapshot(listeners []Listener) counts {
	services := make([]string, len(listeners))
	for i, l := range listeners {
		services[i] = l.Service
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts.clone(services)
}

// sessions copies those to be shown, the newest first.
func (s *Status) sessions() (open, recent []session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, kept := range s.open {
		open = append(open, *kept)
	}
	slices.SortFunc(open, func(a, b session) int { return cmp.Or(b.opened.Compare(a.opened), cmp.Compare(a.id, b.id)) })
	return open[:min(len(open), maxShown)], s.recent.newestFirst()
}

// services sums up what is known of each service, by name.
func (c *counts) services() []service {
	list := make([]service, 0, len(c.opened))
	for _, name := range slices.Sorted(maps.Keys(c.opened)) {
		row := service{
			Name: name, Open: c.open[name], Opened: c.opened[name], Rejected: c.rejected[name],
			Resumed: c.resumed[name], Received: c.received[name], Sent: c.sent[name],
		}
		for key, n := range c.outcomes {
			switch {
			case key.service != name:
			case key.version == none:
				row.Plaintext += n
			default:
				row.TLS += n
			}
		}
		list = append(list, row)
	}
	return list
}

// loginRows puts the outcomes side by side.
func (c *counts) loginRows() []logins {
	rows := make(map[login]logins)
	for key, n := range c.logins {
		at := login{service: key.service, mechanism: key.mechanism}
		row := rows[at]
		row.Service, row.Mechanism = key.service, key.mechanism
		switch key.outcome {
		case gate.Accepted:
			row.OK += n
		case gate.WrongPassword:
			row.Failed += n
		case gate.Unavailable:
			row.Unavailable += n
		case gate.Rejected:
			row.Refused += n
		}
		rows[at] = row
	}
	return slices.SortedFunc(maps.Values(rows), func(a, b logins) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Mechanism, b.Mechanism))
	})
}

// shares sums a tally up by the names that row gives its keys, the most
// frequent first.
func shares[K comparable](t tally[K], row func(K) share) []share {
	total, rows := sum(t), make(map[string]share)
	for key, n := range t {
		r := row(key)
		r.Count = rows[r.Name].Count + n
		r.Percent = 100 * float64(r.Count) / float64(total)
		rows[r.Name] = r
	}
	return slices.SortedFunc(maps.Values(rows), func(a, b share) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
	})
}

func sum[K comparable](t tally[K]) (total uint64) {
	for _, n := range t {
		total += n
	}
	return total
}

// lines puts sessions into words.
func lines(sessions []session) []sessionLine {
	list := make([]sessionLine, len(sessions))
	for i, s := range sessions {
		list[i] = sessionLine{
			ID: s.id, Service: s.service, Client: s.client.String(), User: s.user,
			TLS: s.version, Suite: s.suite, Group: s.group, Opened: s.opened.UTC(),
		}
		if s.end != nil {
			list[i].Ended, list[i].Outcome, list[i].Level = s.end.at.UTC(), s.end.reason.String(), reasonLevel(s.end.reason)
			list[i].Received, list[i].Sent = s.end.received, s.end.sent
		}
	}
	return list
}

// versionLevel finds fault with what RFC 8996 has deprecated, and with none.
func versionLevel(version string) level {
	switch version {
	case "TLSv1.3", "TLSv1.2":
		return good
	}
	return warn
}

// reasonLevel finds fault with what the administrator can mend, not with
// clients that come and go.
func reasonLevel(r gate.Reason) level {
	switch {
	case r == gate.Done:
		return good
	case r.Backend(), r == gate.Internal:
		return bad
	case r == gate.ClientGone, r == gate.Timeout, r == gate.Shutdown:
		return ""
	}
	return warn
}
