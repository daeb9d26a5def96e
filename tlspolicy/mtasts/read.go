package mtasts

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// RecordName is where the TXT record of a domain stands.
func RecordName(domain string) string { return "_mta-sts." + domain }

// URL is where the policy of a domain is served.
func URL(domain string) string { return "https://mta-sts." + domain + Path }

var idField = regexp.MustCompile(`^[a-zA-Z0-9]{1,32}$`)

// ParseRecords reads the TXT records of a domain's name: the ID of its policy
// if there is exactly one record of a policy, else none (RFC 8461 §3.1).
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

// MaxText bounds a policy, in bytes (RFC 8461 §3.3 suggests it).
const MaxText = 64 << 10

const (
	maxMX = 500 // hosts of a policy; further ones are left out

	// maxMaxAge is RFC 8461 §3.2's: a year and a little, in seconds. A longer
	// time is cut to it.
	maxMaxAge = 31557600
)

var (
	errVersion = errors.New("the policy is not of version STSv1")
	errMode    = errors.New("the policy has no mode that is known")
	errMaxAge  = errors.New("the policy has no max_age that is a number of seconds")
	errMX      = errors.New("the policy names no MX host")
)

// Parse reads a policy (RFC 8461 §3.2): lines that end in CRLF or LF; of a key
// that stands twice the first counts, but for mx; unknown keys are passed over.
// An mx that is no name is left out, which only makes the policy stricter. A
// policy is rejected without its version, a known mode, a max_age, or, unless
// its mode is none, any MX host.
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

// add takes an MX host, if it is a name of RFC 8461 §3.2's form.
func (p *Policy) add(mx string) {
	name := strings.TrimPrefix(mx, "*.")
	if len(p.MX) < maxMX && name != "" && !strings.ContainsAny(name, "* \t/:@") {
		p.MX = append(p.MX, mx)
	}
}

// parseMaxAge reads a number of seconds, however large.
func parseMaxAge(digits string) (time.Duration, error) {
	seconds, err := strconv.ParseUint(digits, 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, errMaxAge
	}
	return time.Duration(min(seconds, maxMaxAge)) * time.Second, nil
}

// Matches reports whether a host is among those of the policy; *. stands for
// exactly one label (RFC 8461 §4.1).
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
