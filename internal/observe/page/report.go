package page

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe"
)

// report is the content of the page and of /status.json. Its JSON names must
// not change, because scripts read them. Times are UTC, counts are since the
// start, and no list is longer than its vocabulary or its bound.
type report struct {
	Hostname string    `json:"hostname"`
	Version  string    `json:"version,omitempty"`
	Started  time.Time `json:"started"`
	Now      time.Time `json:"now"`

	Sessions totals    `json:"sessions"`
	Services []service `json:"services"`
	SMTP     split     `json:"smtp"` // of ended sessions

	Versions []share `json:"tls_versions"` // shares of handshakes
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
	Cluster      *Cluster          `json:"cluster,omitempty"`
	Lookups      []Lookup          `json:"lookups,omitempty"`
	Orders       []Order           `json:"orders"` // certificates from a CA
	Rollovers    []Rollover        `json:"rollovers,omitempty"`
	Served       []ServedCheck     `json:"served_check"`

	Open   []sessionLine `json:"open"`   // the newest sessions
	Recent []sessionLine `json:"recent"` // ended sessions, the newest first
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

// service is the row of a service that is configured or was seen.
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

// split counts the ended sessions with and without TLS. If the policy requires TLS,
// sessions without it ended before the handshake.
type split struct {
	TLS       uint64 `json:"ended_with_tls"`
	Plaintext uint64 `json:"ended_without_tls"`
}

// Percent is the share of TLS in at least one session.
func (s split) Percent() float64 { return 100 * float64(s.TLS) / float64(s.TLS+s.Plaintext) }

// share is one row of a list: a value and its count.
type share struct {
	Name  string `json:"name"`
	About string `json:"about,omitempty"`
	Hint  string `json:"hint,omitempty"`
	Count uint64 `json:"count"`

	Percent float64 `json:"-"` // of the list's sum
	Level   level   `json:"-"`
}

// sessionLine describes a session; the last fields are for ended sessions.
// Bytes are counted inside TLS.
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

// level is the colour of a row.
type level string

const (
	good level = "good"
	warn level = "warn"
	bad  level = "bad"
)

// report collects the current counts.
func (s *Status) report() (report, error) {
	s.showListeners()
	counts, err := s.counts.snapshot()
	if err != nil {
		return report{}, err
	}
	r := report{
		Hostname: s.options.Hostname(), Version: s.options.Version, Started: s.started.UTC(), Now: time.Now().UTC(),
		Listeners: s.options.Listeners(), Certificates: s.options.Certificates(), Files: s.options.Files(), Cluster: s.options.Cluster(), Lookups: s.options.Lookups(),
		Open: s.openLines(""), Recent: s.recentLines(""),
	}
	r.Orders, _ = s.options.Orders()
	r.Rollovers, r.Served = s.options.Rollovers(), s.options.Served()
	r.Services, r.Logins, r.Exceptions = services(counts), loginRows(counts["logins_total"]), exceptionRows(counts["exception_handshakes_total"])
	r.sum()
	handshakes, failures := counts["tls_handshakes_total"], counts["tls_handshake_failures_total"]
	r.Sessions.Handshakes, r.Sessions.HandshakeFailures = sum(handshakes), sum(failures)
	r.Versions = shares(handshakes, "version", func(version string) share { return share{Level: versionLevel(version)} })
	r.Suites = shares(handshakes, "suite", nothing)
	r.Groups = shares(handshakes, "group", nothing)
	r.Outcomes = shares(counts["sessions_closed_total"], "reason", aboutReason)
	r.HandshakeFailures = shares(failures, "class", func(class string) share { return share{About: observe.AboutFailure(class)} })
	r.RefusedBeforeTLS = shares(counts["refused_before_tls_total"], "command", nothing)
	return r, nil
}

// sum computes the sums over services and logins.
func (r *report) sum() {
	for _, each := range r.Services {
		r.Sessions.Open += each.Open
		r.Sessions.Opened += each.Opened
		r.Sessions.Rejected += each.Rejected
		if each.Name == "smtp" {
			r.SMTP = each.split
		}
	}
	for _, row := range r.Logins {
		r.Sessions.Logins += row.OK
		r.Sessions.LoginFailures += row.Failed
	}
}

func nothing(string) share { return share{} }

// aboutReason explains the reason of a session's end.
func aboutReason(name string) share {
	for r := range gate.Crashed + 1 {
		if r.String() == name {
			return share{About: r.Sentence(), Hint: r.Remedy(), Level: reasonLevel(r)}
		}
	}
	return share{}
}

// showListeners creates the counts of all services of the listeners.
func (s *Status) showListeners() {
	for _, l := range s.options.Listeners() {
		s.counts.show(l.Service)
	}
}

// services returns the counts of each service, by name.
func services(counts map[string][]row) []service {
	rows := make(map[string]service)
	add := func(metric string, add func(*service, row)) {
		for _, c := range counts[metric] {
			s := rows[c.labels["service"]]
			s.Name = c.labels["service"]
			add(&s, c)
			rows[s.Name] = s
		}
	}
	add("sessions_open", func(s *service, c row) { s.Open = int(c.count) }) //nolint:gosec // a count of sessions
	add("sessions_opened_total", func(s *service, c row) { s.Opened = c.count })
	add("connections_rejected_total", func(s *service, c row) { s.Rejected = c.count })
	add("tls_resumed_total", func(s *service, c row) { s.Resumed = c.count })
	add("received_bytes_total", func(s *service, c row) { s.Received = c.count })
	add("sent_bytes_total", func(s *service, c row) { s.Sent = c.count })
	add("sessions_closed_total", func(s *service, c row) {
		if c.labels["tls"] == none {
			s.Plaintext += c.count
		} else {
			s.TLS += c.count
		}
	})
	return slices.SortedFunc(maps.Values(rows), func(a, b service) int { return cmp.Compare(a.Name, b.Name) })
}

// shares sums up counts by a label, the most frequent first. about returns what
// else is shown for a value.
func shares(counted []row, label string, about func(value string) share) []share {
	total, rows := sum(counted), make(map[string]share)
	for _, c := range counted {
		name := c.labels[label]
		r, seen := rows[name]
		if !seen {
			r = about(name)
			r.Name = name
		}
		r.Count += c.count
		r.Percent = 100 * float64(r.Count) / float64(total)
		rows[name] = r
	}
	return slices.SortedFunc(maps.Values(rows), func(a, b share) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
	})
}

func sum(counted []row) (total uint64) {
	for _, c := range counted {
		total += c.count
	}
	return total
}

// versionLevel marks versions that RFC 8996 has deprecated.
func versionLevel(version string) level {
	switch version {
	case "TLSv1.3", "TLSv1.2":
		return good
	}
	return warn
}

// reasonLevel marks reasons that the administrator can do something about,
// unlike clients that disconnect.
func reasonLevel(r gate.Reason) level {
	switch {
	case r == gate.Done:
		return good
	case r == gate.BackendDrained:
		return warn
	case r.Backend(), r == gate.Internal:
		return bad
	case r == gate.ClientGone, r == gate.Timeout, r.Polite():
		return ""
	}
	return warn
}
