package importer

import (
	"cmp"
	"fmt"
	"strings"
)

// Kind is the type of a note.
type Kind string

// The types of notes.
const (
	Lost    Kind = "not carried over"
	Changed Kind = "changed"
	Weak    Kind = "WEAK"
	Check   Kind = "to check"
)

// Note reports a setting that the written configuration does not hold as it was.
type Note struct {
	File    string
	Line    int // 0: the whole file
	Setting string
	Kind    Kind
	Text    string
}

// Place is the file and the line.
func (n Note) Place() string {
	if n.Line == 0 {
		return n.File
	}
	return fmt.Sprintf("%s:%d", n.File, n.Line)
}

// String is the note in one line.
func (n Note) String() string {
	text := n.Place() + ": "
	if n.Setting != "" {
		text += n.Setting + ": "
	}
	return text + string(n.Kind) + ": " + n.Text
}

func (n Note) compare(o Note) int {
	return cmp.Or(strings.Compare(n.File, o.File), cmp.Compare(n.Line, o.Line), strings.Compare(n.Text, o.Text))
}

// note reports a setting, which counts as used.
func (r *reader) note(s *setting, k Kind, format string, args ...any) {
	s.used = true
	r.result.Notes = append(r.result.Notes, Note{s.file, s.line, s.String(), k, fmt.Sprintf(format, args...)})
}

// unused reports all settings in a block that nothing has used. A block of which
// nothing is used is one note.
func (r *reader) unused(block *setting) {
	for _, s := range block.body {
		if !s.used {
			kind := Lost
			if s.restricts() {
				kind = Weak
			}
			r.note(s, kind, "%s", r.reason(s))
			continue
		}
		r.unused(s)
	}
}

// restricts reports whether the setting keeps clients out: without it more can
// connect than before.
func (s *setting) restricts() bool {
	switch s.key {
	case "deny", "crlfile", "crlpath", "ocsp", "ssl_crl", "ssl_require_crl", "ssl_server_require_crl":
		return !s.is("no")
	case "ssl_ocsp":
		return !s.is("off")
	case "libwrap", "ocspaia":
		return s.is("yes")
	case "tcp-request":
		return s.has("reject")
	}
	return false
}

// reason returns why a setting is not carried over: the reason for its name, or for
// the longest prefix of the name that has a reason.
func (r *reader) reason(s *setting) string {
	name := strings.ToLower(s.name)
	if text, ok := r.reasons[name]; ok {
		return text
	}
	longest, found := -1, "Letterlock has no such setting"
	for pattern, text := range r.reasons {
		prefix, ok := strings.CutSuffix(pattern, "*")
		if ok && strings.HasPrefix(name, prefix) && len(prefix) > longest {
			longest, found = len(prefix), text
		}
	}
	return found
}

// Reasons that several formats share.
const (
	reasonInclude    = "the file that it names is not read: import it in the same call"
	reasonDH         = "Letterlock has no finite-field Diffie-Hellman suites; key exchange uses elliptic curves and ML-KEM"
	reasonGroups     = "the policies choose the groups, hybrid ones first; a policy of your own can name others (groups)"
	reasonPreference = "the order of the cipher suites is fixed, the best first"
	reasonCache      = "Letterlock keeps no session cache; tickets resume sessions"
	reasonTicketKey  = "ticket keys are derived from the file in ticket_secret, or live in memory"
	reasonLog        = "Letterlock logs to standard error; the key log sets the format and the level"
	reasonProcess    = "the service manager sets it: see the unit that comes with Letterlock"
	reasonSocket     = "Letterlock sets the options of its sockets itself"
	reasonCRL        = "revocation lists and OCSP are not looked at"
	reasonTLS13      = "the suites of TLS 1.3 are always on"
	reasonHealth     = "Letterlock checks each server of a backend that has several, by a greeting (health)"
	reasonCapability = "clients see the backend's own capabilities"
)
