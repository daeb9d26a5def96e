package app

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/letterlock/letterlock/internal/observe/page"
)

// The remedies that the log and the status page name.
const (
	remedyRejected = "get a certificate that clients accept: it is used as soon as it is there; for one from the CA another is ordered, see the orders; served_check: untrusted does not verify the chain"
	remedyRefused  = "get a certificate that clients accept; served_check: untrusted does not verify the chain, for an authority of your own"
	remedyFailed   = "compare the key of the certificate with the suites of the listener's policy: letterlock config check"
)

// report keeps the results of a check for the status page, and logs those that are new.
// Problems of certificates from files are logged when these are read.
func (s *servedCheck) report(all []servedAt, now time.Time) {
	before := s.results()
	var shown []page.ServedCheck
	for _, at := range all {
		r := page.ServedCheck{Service: at.service.Name, Address: at.service.Address, Checked: now.UTC()}
		log := true
		for _, seen := range at.seen {
			r.Note = cmp.Or(r.Note, seen.note)
			if seen.problem == "" || r.Problem != "" {
				continue
			}
			r.Problem, r.Remedy = seen.problem, remedyRefused
			if seen.failed {
				r.Remedy = remedyFailed
			}
			log = seen.failed || !at.fromFile(seen.cert)
		}
		r.Failed = len(at.seen) > 0 && !slices.ContainsFunc(at.seen, func(seen seenCertificate) bool { return !seen.failed })
		for _, rejected := range s.rejected[at.key] {
			r.Rejected, log = true, false // reject has logged it
			r.Problem, r.Remedy = rejected.problem, remedyRejected
		}
		if at.unreached != nil {
			r.Unreached = at.unreached.Error()
		}
		if log {
			s.logNew(before, r, at)
		}
		shown = append(shown, r)
	}
	s.show(shown)
}

// logNew logs a result that the last check did not have.
func (s *servedCheck) logNew(before []page.ServedCheck, r page.ServedCheck, at servedAt) {
	i := slices.IndexFunc(before, func(b page.ServedCheck) bool { return b.Service == r.Service && b.Address == r.Address })
	var last page.ServedCheck
	if i >= 0 {
		last = before[i]
	}
	listener := at.service.String()
	if r.Problem != "" && r.Problem != last.Problem {
		s.log.Warn("clients would refuse what a listener serves", "listener", listener, "error", r.Problem, "remedy", r.Remedy)
	}
	if r.Unreached != "" && last.Unreached == "" {
		s.log.Warn("a listener cannot be checked, because this machine does not reach it", "listener", listener, "error", r.Unreached)
	}
	if r.Note != "" && r.Note != last.Note {
		s.log.Info("served_check: "+r.Note, "listener", listener)
	}
}

func (s *servedCheck) show(shown []page.ServedCheck) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown = shown
}

// results returns the results of the last check.
func (s *servedCheck) results() []page.ServedCheck {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown
}

// unready lists the listeners with which no handshake succeeds.
func (s *servedCheck) unready() (why []string) {
	for _, r := range s.results() {
		if r.Failed {
			why = append(why, fmt.Sprintf("%s on %s: %s", r.Service, r.Address, r.Problem))
		}
	}
	return why
}
