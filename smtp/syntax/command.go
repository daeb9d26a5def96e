package syntax

import "strings"

// Command splits a line into its verb, in upper case, and the rest without the
// blanks around it (RFC 5321 §4.1.1). A verb is letters only, and nothing
// stands in front of it: what a lenient server would still read as a command
// must not get past us as something else. It is empty if there is none.
func Command(line string) (verb, args string) {
	verb, args, _ = strings.Cut(line, " ")
	for _, b := range []byte(verb) {
		if (b|0x20) < 'a' || (b|0x20) > 'z' {
			return "", ""
		}
	}
	return strings.ToUpper(verb), strings.Trim(args, " \t")
}

// UnknownName stands for the name of a client that has given none, or one that
// cannot be passed on.
const UnknownName = "unknown"

// ValidName reports whether a name of EHLO can be passed on, logged and
// written into a header: printable, without blanks, of bounded length. What
// names are welcome is the backend's business.
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
