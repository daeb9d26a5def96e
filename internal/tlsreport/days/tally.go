package days

import (
	"slices"
	"time"

	"github.com/letterlock/letterlock/internal/tlsreport"
)

// tally holds the results of a domain on a day, and when they are to be reported.
type tally struct {
	Results []tlsreport.Result `json:"results"`

	Attempts int       `json:"attempts,omitempty"` // to send the report
	First    time.Time `json:"first,omitzero"`     // attempt
	Next     time.Time `json:"next,omitzero"`      // attempt; zero: the first
}

// The bounds for a domain. A domain's MX hosts may each have TLSA records of their own.
const (
	maxPolicies = 16
	maxFailures = 50 // kinds of failures with a policy
)

// The weight of a policy, and of a kind of failures.
const (
	policyWeight  = 8
	failureWeight = 1
)

// add adds a result, as far as there is room. It returns by how much the weight has
// grown, and how many sessions are lost.
func (t *tally) add(r tlsreport.Result, room int) (grown, lost int) {
	i := slices.IndexFunc(t.Results, func(known tlsreport.Result) bool { return same(known.Policy, r.Policy) })
	if i < 0 {
		if len(t.Results) >= maxPolicies || room < policyWeight {
			return 0, r.Summary.Successful + r.Summary.Failed
		}
		i = len(t.Results)
		t.Results = append(t.Results, tlsreport.Result{Policy: r.Policy})
		grown = policyWeight
	}
	known := &t.Results[i]
	known.Summary.Successful += r.Summary.Successful
	known.Summary.Failed += r.Summary.Failed
	for _, f := range r.Failures {
		grown += addFailure(known, f, room-grown)
	}
	return grown, 0
}

func same(a, b tlsreport.PublishedPolicy) bool {
	return a.Type == b.Type && a.Domain == b.Domain && slices.Equal(a.Lines, b.Lines) && slices.Equal(a.MX, b.MX)
}

// addFailure adds failures to those of the same kind. If there are too many kinds, only
// the type is kept, of which there are eleven.
func addFailure(r *tlsreport.Result, f tlsreport.Failure, room int) (grown int) {
	i := indexOf(r.Failures, f)
	if i < 0 && (len(r.Failures) >= maxFailures || room < failureWeight) {
		f = tlsreport.Failure{Type: f.Type, Count: f.Count}
		i = indexOf(r.Failures, f)
	}
	if i < 0 {
		r.Failures = append(r.Failures, f)
		return failureWeight
	}
	r.Failures[i].Count += f.Count
	return 0
}

// indexOf returns the position of the failures of the same kind; -1: there are none.
func indexOf(all []tlsreport.Failure, f tlsreport.Failure) int {
	return slices.IndexFunc(all, func(known tlsreport.Failure) bool {
		known.Count = f.Count
		return known == f
	})
}

// weight returns what the results make up of the bounds.
func (t *tally) weight() (sum int) {
	for _, r := range t.Results {
		sum += policyWeight + failureWeight*len(r.Failures)
	}
	return sum
}

// sessions counts the sessions.
func (t *tally) sessions() (sum int) {
	for _, r := range t.Results {
		sum += r.Summary.Successful + r.Summary.Failed
	}
	return sum
}
