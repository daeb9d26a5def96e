package guideline

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// History holds the result of the last check of each service, by guideline.
type History struct {
	Services map[string]Past `json:"services"` // by guideline, service and address
}

// Past is the result of the last check of a service.
type Past struct {
	At    time.Time `json:"at"`
	Unmet []string  `json:"unmet"` // the keys of the findings
}

// ParseHistory reads what Text has written. Without a text the history is empty.
func ParseHistory(text []byte) (h History, err error) {
	if len(text) > 0 {
		err = json.Unmarshal(text, &h)
	}
	if h.Services == nil || err != nil {
		h.Services = map[string]Past{}
	}
	return h, err
}

// Text returns the history as JSON.
func (h History) Text() (string, error) {
	text, err := json.MarshalIndent(h, "", "  ")
	return string(text) + "\n", err
}

// Compare returns the findings that the last check of a service did not have, and the
// time of that check, which is zero if this one is the first. It replaces the last check
// by this one.
func (h History) Compare(g Guideline, service, address string, all []Finding, now time.Time) (fresh []Finding, last time.Time) {
	at := strings.Join([]string{g.Name, service, address}, " ")
	past, checked := h.Services[at]
	unmet := []string{}
	for _, f := range all {
		if !slices.Contains(unmet, f.key()) {
			unmet = append(unmet, f.key())
		}
		if checked && !slices.Contains(past.Unmet, f.key()) {
			fresh = append(fresh, f)
		}
	}
	h.Services[at] = Past{At: now.UTC().Truncate(time.Second), Unmet: unmet}
	return fresh, past.At
}
