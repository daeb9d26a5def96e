package syntax

import "strings"

// Command splits a line into its verb, in upper case, and the rest without
// blanks around it (RFC 5321 §4.1.1). A verb is ASCII letters at the beginning
// of the line; otherwise the verb is empty. Lenient servers accept other forms
// as commands, so these must not pass as anything else.
func Command(line string) (verb, args string) {
	verb, args, _ = strings.Cut(line, " ")
	for _, b := range []byte(verb) {
		if (b|0x20) < 'a' || (b|0x20) > 'z' {
			return "", ""
		}
	}
	return strings.ToUpper(verb), strings.Trim(args, " \t")
}

// UnknownName replaces the name of a client that has sent none, or one that
// cannot be forwarded.
const UnknownName = "unknown"

// ValidName reports whether a name of EHLO can be forwarded, logged and written
// into a header: printable, without blanks, at most 255 bytes long. The backend
// decides which names it accepts.
func ValidName(name string) bool {
	if name == "" || len(name) > 255 {
		return false
	}
	for _, b := range []byte(name) {
		if b <= ' ' || b == 0x7f || b == '(' || b == ')' || b == '<' || b == '>' || b == '"' || b == '\\' || b == ';' || b == ',' {
			return false
		}
	}
	return true
}
