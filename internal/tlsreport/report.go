package tlsreport

import (
	"encoding/json"
	"time"
)

// Report is a report about TLS, ours or one that a domain has received (RFC 8460 §4.4).
type Report struct {
	Organization string `json:"organization-name"`
	Range        Range  `json:"date-range"`
	Contact      string `json:"contact-info"`
	ID           string `json:"report-id"`

	Policies []Result `json:"policies"`
}

// Range is the time that a report is about.
type Range struct {
	Start time.Time `json:"start-datetime"`
	End   time.Time `json:"end-datetime"`
}

// Result is the part of a report about one policy.
type Result struct {
	Policy   PublishedPolicy `json:"policy"`
	Summary  Summary         `json:"summary"`
	Failures []Failure       `json:"failure-details,omitempty"`
}

// PublishedPolicy is a policy in a report.
type PublishedPolicy struct {
	Type   string `json:"policy-type"` // tlsa, sts or no-policy-found
	Lines  texts  `json:"policy-string,omitempty"`
	Domain string `json:"policy-domain"`
	MX     texts  `json:"mx-host,omitempty"`
}

// Summary counts the sessions with a policy.
type Summary struct {
	Successful int `json:"total-successful-session-count"`
	Failed     int `json:"total-failure-session-count"`
}

// Failure counts sessions that failed in the same way. Senders leave out what they do
// not know.
type Failure struct {
	Type   string `json:"result-type"`
	Sender string `json:"sending-mta-ip,omitempty"`
	Host   string `json:"receiving-mx-hostname,omitempty"`
	IP     string `json:"receiving-ip,omitempty"`
	Count  int    `json:"failed-session-count"`
	Reason string `json:"failure-reason-code,omitempty"`
}

// texts is an array of strings. Some senders write a single string, or something else,
// which is ignored.
type texts []string

// UnmarshalJSON never fails.
func (t *texts) UnmarshalJSON(data []byte) error {
	var all []string
	if json.Unmarshal(data, &all) == nil {
		*t = all
		return nil
	}
	var single string
	if json.Unmarshal(data, &single) == nil && single != "" {
		*t = texts{single}
	}
	return nil
}
