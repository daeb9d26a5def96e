package sieve

import "strings"

// inspector reads the commands of a logged-in client byte by byte, with the
// grammar of RFC 5804. Lenient and strict servers find different strings in some
// lines:
//
//   - Pigeonhole skips a line that it refuses, and goes on with the next line.
//     So it does not see the literal of an unknown command, nor a literal after
//     a name that is not valid UTF-8.
//   - Cyrus skips a line with an unknown word or with 8-bit characters in
//     quotes. A line with a wrong argument it refuses, and then reads the rest
//     of the line as the next command.
//   - Others take any line that ends in {n} or {n+} to announce a literal, a
//     bare CR or LF to end a line, and a quoted string to contain line ends.
type inspector struct {
	state   state
	started bool // a byte has been read since the login
	opaque  bool // the mechanism of the login may have a security layer

	versioned bool // the backend has the commands of RFC 5804

	verb    [longest]byte // of the current command, in upper case
	letters int           // its length
	args    []argument    // that may still follow
	count   int           // of a literal: the bytes left; of a quoted string: its length
	quoted  bool          // in a quoted string
	escaped bool          // after a backslash in it

	// disputed: some server may read the strings of this command as commands,
	// so they are searched too. lost: such a string was a literal, or longer
	// than servers must accept. Servers may disagree about its end, so
	// everything after it is disputed.
	disputed, lost bool

	recent   window
	complete bool // a string contains a forbidden command, unless a letter follows
}

// state is the expected part of the next byte.
type state byte

const (
	inVerb     state = iota // the command's name, or the first byte of a line
	atArgument              // the first byte of an argument
	inNumber
	inQuoted
	inSize        // the digits of {n+}
	atBrace       // its brace
	atLiteralCR   // the line end after it
	atLiteralLF   //
	inLiteral     // the literal
	afterArgument // a blank or the line end
	atLF          // after a CR
	inLoose       // the rest of a line that is not of RFC 5804
	inLayer       // a security layer, whose content is encrypted
)

// argument is the kind of an argument of a command.
type argument byte

const (
	name   argument = iota // a string without control characters
	script                 // a string
	number
)

// syntax holds the arguments of the commands of RFC 5804 after the login.
// Servers older than that RFC do not know the recent ones.
var syntax = map[string]struct {
	args   []argument
	recent bool
}{
	"CAPABILITY":   {},
	"LOGOUT":       {},
	"LISTSCRIPTS":  {},
	"NOOP":         {[]argument{name}, true},
	"CHECKSCRIPT":  {[]argument{script}, true},
	"RENAMESCRIPT": {[]argument{name, name}, true},
	"PUTSCRIPT":    {[]argument{name, script}, false},
	"HAVESPACE":    {[]argument{name, number}, false},
	"SETACTIVE":    {[]argument{name}, false},
	"GETSCRIPT":    {[]argument{name}, false},
	"DELETESCRIPT": {[]argument{name}, false},
}

// maxScript bounds a literal that is a script, in bytes. maxQuoted bounds a
// name.
const maxScript = 1 << 30

// layered are the SASL mechanisms that may put a security layer on the rest of
// the session (RFC 4422 §3.7).
var layered = map[string]bool{
	"GSSAPI": true, "GSS-SPNEGO": true, "DIGEST-MD5": true, "KERBEROS_V4": true, "SRP": true, "PASSDSS-3DES-1": true,
}

// newInspector returns the inspector for a session that has logged in.
// Backends that do not list VERSION may not have the commands of RFC 5804.
func newInspector(offered [][]token, mechanism string) inspector {
	in := inspector{opaque: layered[strings.ToUpper(mechanism)]}
	for _, line := range offered {
		in.versioned = in.versioned || strings.EqualFold(line[0].text, "VERSION")
	}
	return in
}
