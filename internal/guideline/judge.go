package guideline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/internal/scan"
	"github.com/letterlock/letterlock/tlspolicy"
)

// Subject names the topic of a finding.
type Subject string

// The subjects.
const (
	Versions    Subject = "versions"
	Suites      Subject = "suites"
	Groups      Subject = "groups"
	Certificate Subject = "certificate"
)

// Finding is a rule that a service does not meet.
type Finding struct {
	scan.Finding
	Rule    string   `json:"rule"` // the document, and its section or topic
	Fix     string   `json:"fix"`
	Subject Subject  `json:"subject"`
	Items   []string `json:"items"` // the versions, suites, groups, keys, signatures or lifetimes
}

// key identifies a finding from check to check: its items may change.
func (f Finding) key() string { return f.Rule + " " + string(f.Subject) + " " + string(f.Severity) }

// judgement collects the findings of a service.
type judgement struct {
	Guideline
	found []Finding
}

// Judge returns the rules that a service does not meet. It returns none for a service
// without TLS: the scan has reported that.
func (g Guideline) Judge(r scan.Report) []Finding {
	if !r.TLS {
		return nil
	}
	j := judgement{Guideline: g}
	j.judgeVersions(r.Versions)
	j.judgeSuites(r.Suites)
	j.judgeGroups(r.Groups)
	for _, k := range r.Keys {
		j.judgeKey(k)
		j.judgeSignature(k)
	}
	return j.found
}

// find adds a finding, unless there are no items.
func (j *judgement) find(s scan.Severity, subject Subject, rule, text, fix string, items ...string) {
	if len(items) == 0 {
		return
	}
	f := Finding{Rule: j.Document + ", " + rule, Fix: fix, Subject: subject, Items: items}
	f.Severity, f.Text = s, text+": "+strings.Join(items, " ")
	j.found = append(j.found, f)
}

func (j *judgement) judgeVersions(accepted []string) {
	for _, need := range j.required {
		if version := need.version.String(); !slices.Contains(accepted, version) {
			j.find(need.severity, Versions, j.versionRule, "a version that the guideline demands is not accepted",
				"accept it (here: the policy strict, or min_version and max_version in a policy of your own)", version)
		}
	}
	_, old := split(accepted, j.versions)
	j.find(j.oldVersion, Versions, j.versionRule, "old versions are accepted",
		"switch them off (here: the policy strict, or min_version: 1.2 in a policy of your own)", old...)
}

// judgeSuites ignores the suites of TLS 1.3, of which the scan observes only the one that
// the server has chosen.
func (j *judgement) judgeSuites(accepted []string) {
	_, others := split(accepted, slices.Concat(tls13, j.suites))
	phasedOut, others := split(others, j.phasedOut)
	j.find(scan.Bad, Suites, j.suiteRule, "suites that the guideline does not allow are accepted", j.fixSuites(), others...)
	j.find(scan.Weak, Suites, j.suiteRule, "suites that are to be phased out are accepted", j.fixSuites(), phasedOut...)
}

// fixSuites names the policy strict if the guideline allows all its suites, and otherwise
// those that it allows.
func (g Guideline) fixSuites() string {
	allowed, others := split(slices.Concat(aesGCM, chaCha), g.suites)
	if len(others) == 0 {
		return "switch them off (here: the policy strict)"
	}
	return "switch them off (here: base: strict and suites: [" + strings.Join(allowed, ", ") + "] in a policy of your own)"
}

func (j *judgement) judgeGroups(accepted []string) {
	_, others := split(accepted, j.groups)
	hybrid, classical := split(others, hybrids)
	_, more := split(hybrids, j.groups)
	j.find(scan.Weak, Groups, j.groupRule, "groups that the guideline does not list are accepted",
		"switch them off (here: groups: ["+strings.Join(slices.Concat(more, j.groups), ", ")+"] in a policy of your own)", classical...)
	j.find(scan.Note, Groups, j.groupRule, "hybrid groups that the guideline does not rate are accepted",
		"none is needed: they contain a classical group, and resist quantum computers", hybrid...)
	if known, _ := split(accepted, hybrids); len(known) == 0 && j.classicalUntil > 0 {
		j.find(scan.Note, Groups, j.groupRule, fmt.Sprintf("no hybrid group is accepted, and the guideline recommends classical groups alone until the end of %d", j.classicalUntil),
			"accept a hybrid group too (here: the policy strict, or base: strict and TLS 1.3 in a policy of your own)", accepted...)
	}
}

func (j *judgement) judgeKey(k scan.Key) {
	find := func(s scan.Severity, text string) {
		j.find(s, Certificate, j.keyRule, text, "order a certificate with another key (here: key_types of acme)", k.String())
	}
	switch {
	case k.Type != "RSA" && !slices.Contains(j.curves, k.Type):
		find(scan.Weak, "the key of the certificate is of a type that the guideline does not list")
	case k.Type != "RSA":
	case k.Bits < j.leastRSA:
		find(scan.Bad, fmt.Sprintf("the RSA key of the certificate has less than %d bits", j.leastRSA))
	case k.Bits < j.goodRSA:
		find(scan.Weak, fmt.Sprintf("the RSA key of the certificate has less than %d bits", j.goodRSA))
	}
}

// judgeSignature judges how a certificate is signed, and for how long it is valid.
func (j *judgement) judgeSignature(k scan.Key) {
	switch {
	case slices.Contains(j.signatures, k.Signature):
	case slices.Contains(j.oldSignatures, k.Signature):
		j.find(scan.Weak, Certificate, j.signatureRule, "the certificate has a signature that the guideline no longer recommends",
			"order a certificate from a CA that signs with ECDSA (here: key_types of acme)", k.Signature)
	default:
		j.find(scan.Bad, Certificate, j.signatureRule, "the certificate has a signature that the guideline does not list",
			"order a certificate from a CA that signs with ECDSA, or with RSA and SHA-256", k.Signature)
	}
	if j.maxDays > 0 && k.Days > j.maxDays {
		j.find(scan.Weak, Certificate, j.lifetimeRule, fmt.Sprintf("the certificate is valid for more than %d days", j.maxDays),
			"order certificates automatically (here: acme)", fmt.Sprintf("%d days", k.Days))
	}
}

// split divides values into those that a list contains and all others.
func split(values, list []string) (in, out []string) {
	for _, v := range values {
		if slices.Contains(list, v) {
			in = append(in, v)
		} else {
			out = append(out, v)
		}
	}
	return in, out
}

// Without returns a policy that no longer accepts the items of a finding. ok is false if a
// policy cannot do this.
func (f Finding) Without(p tlspolicy.Policy) (changed tlspolicy.Policy, ok bool) {
	if f.Severity == scan.Note {
		return p, false
	}
	has := func(name string) bool { return slices.Contains(f.Items, name) }
	switch f.Subject {
	case Versions:
		for p.Min < p.Max && has(p.Min.String()) {
			p.Min++
			ok = true
		}
	case Suites:
		left := slices.DeleteFunc(slices.Clone(p.Suites), func(s tlspolicy.Suite) bool { return has(s.String()) })
		p.Suites, ok = left, len(left) < len(p.Suites)
	case Groups:
		left := slices.DeleteFunc(slices.Clone(p.Groups), func(g tlspolicy.Group) bool { return has(g.String()) })
		p.Groups, ok = left, len(left) < len(p.Groups)
	case Certificate:
	}
	return p, ok
}
