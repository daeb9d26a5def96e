package mtasts

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// RecordName returns the DNS name of a domain's TXT record.
func RecordName(domain string) string { return "_mta-sts." + domain }

// URL returns the address of a domain's policy.
func URL(domain string) string { return "https://mta-sts." + domain + Path }

var idField = regexp.MustCompile(`^[a-zA-Z0-9]{1,32}$`)

// ParseRecords reads the TXT records at RecordName. It returns the ID of the
// policy if exactly one of them is an MTA-STS record (RFC 8461 §3.1).
func ParseRecords(texts []string) (id string, found bool) {
	records := 0
	for _, text := range texts {
		version, fields, _ := strings.Cut(text, ";")
		if strings.TrimRight(version, " \t") != "v=STSv1" {
			continue
		}
		records++
		for field := range strings.SplitSeq(fields, ";") {
			if value, ok := strings.CutPrefix(strings.TrimSpace(field), "id="); ok && id == "" {
				id = value
			}
		}
	}
	if records != 1 || !idField.MatchString(id) {
		return "", false
	}
	return id, true
}

// MaxText bounds the text of a policy, in bytes, as RFC 8461 §3.3 suggests.
const MaxText = 64 << 10

const (
	maxMX = 500 // MX hosts of a policy; further ones are ignored

	// maxMaxAge is the limit of RFC 8461 §3.2, about a year, in seconds. Longer
	// times are cut to it.
	maxMaxAge = 31557600
)

var (
	errVersion = errors.New("the policy does not have version STSv1")
	errMode    = errors.New("the policy does not have a known mode")
	errMaxAge  = errors.New("the policy does not have a max_age in seconds")
	errMX      = errors.New("the policy names no MX host")
)

// Unavailable is the error of a domain that announces a policy in DNS which cannot be
// used. Mail to the domain is sent as if it had no policy (RFC 8461 §3.3).
type Unavailable struct {
	Invalid bool // the web server has served it; false: it could not be fetched
	Err     error
}

func (u *Unavailable) Error() string { return "the MTA-STS policy cannot be had: " + u.Err.Error() }

func (u *Unavailable) Unwrap() error { return u.Err }

// Parse reads a policy (RFC 8461 §3.2). Lines end in CRLF or LF. Of a repeated
// key other than mx, the first counts. Unknown keys are ignored, and so are
// invalid mx values, which only makes the policy stricter. A policy must have
// the version, a known mode, a max_age and, unless its mode is none, an MX
// host.
func Parse(text string) (Policy, error) {
	if len(text) > MaxText {
		return Policy{}, fmt.Errorf("the policy is longer than %d bytes", MaxText)
	}
	fields := map[string]string{}
	p := Policy{}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		value = strings.Trim(value, " \t")
		if key == "mx" {
			p.add(strings.ToLower(value))
		} else if _, twice := fields[key]; !twice {
			fields[key] = value
		}
	}
	p.Mode = fields["mode"]
	age, err := parseMaxAge(fields["max_age"])
	switch {
	case fields["version"] != "STSv1":
		return Policy{}, errVersion
	case p.Mode != "enforce" && p.Mode != "testing" && p.Mode != "none":
		return Policy{}, errMode
	case err != nil:
		return Policy{}, err
	case len(p.MX) == 0 && p.Mode != "none":
		return Policy{}, errMX
	}
	p.MaxAge = age
	return p, nil
}

// add adds an MX host, if it has the form of RFC 8461 §3.2.
func (p *Policy) add(mx string) {
	name := strings.TrimPrefix(mx, "*.")
	if len(p.MX) < maxMX && name != "" && !strings.ContainsAny(name, "* \t/:@") {
		p.MX = append(p.MX, mx)
	}
}

// parseMaxAge reads a number of seconds, and cuts it to maxMaxAge.
func parseMaxAge(digits string) (time.Duration, error) {
	seconds, err := strconv.ParseUint(digits, 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, errMaxAge
	}
	return time.Duration(min(seconds, maxMaxAge)) * time.Second, nil
}

// Matches reports whether the policy lists a host; *. stands for exactly one
// label (RFC 8461 §4.1).
func (p Policy) Matches(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	_, above, _ := strings.Cut(host, ".")
	for _, mx := range p.MX {
		mx = strings.TrimSuffix(mx, ".")
		if suffix, wild := strings.CutPrefix(mx, "*."); wild && suffix == above || mx == host {
			return true
		}
	}
	return false
}
