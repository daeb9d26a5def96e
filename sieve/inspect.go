package sieve

// inspect reads a part of the client's data, and changes forbidden commands in
// it.
func (in *inspector) inspect(piece []byte) error {
	if !in.started && len(piece) > 0 {
		in.start(piece[0])
	}
	for i := 0; i < len(piece); i++ {
		if n := in.skips(len(piece) - i); n > 0 {
			i += n - 1
			continue
		}
		if err := in.search(&piece[i]); err != nil {
			return err
		}
		if err := in.step(piece[i]); err != nil {
			return err
		}
	}
	return nil
}

// search looks for the forbidden commands. Outside of strings it changes their
// last letter. A disputed string must not be changed, so the session ends
// before the server has read the end of the word.
func (in *inspector) search(b *byte) error {
	if in.complete && !isLetter(*b) {
		return errForbidden
	}
	in.complete = false
	inString := in.state == inLiteral || in.state == inQuoted || in.state == inLayer
	switch {
	case inString && (!in.disputed || *b == 0): // some servers drop NULs
	case !in.recent.completes(*b):
	case inString:
		in.complete = true
	default:
		*b = 'X'
	}
	return nil
}

// start reads the first byte after the login. A security layer begins with a
// length whose first byte is 0; a command never does.
func (in *inspector) start(b byte) {
	in.started = true
	if in.opaque && b == 0 {
		in.state, in.disputed = inLayer, true
	}
}

// skips returns how many of the next n bytes belong to a script that all
// servers read as a script.
func (in *inspector) skips(n int) int {
	if in.state != inLiteral || in.disputed || in.args[0] != script {
		return 0
	}
	n = min(n, in.count)
	in.pass(n)
	return n
}

// pass counts n bytes of a literal.
func (in *inspector) pass(n int) {
	if in.count -= n; in.count == 0 {
		in.argumentEnds()
	}
}

// argumentEnds moves on to the byte after an argument.
func (in *inspector) argumentEnds() { in.state, in.args = afterArgument, in.args[1:] }

// step reads the next byte.
func (in *inspector) step(b byte) error {
	switch in.state {
	case inVerb:
		return in.stepVerb(b)
	case atArgument:
		return in.stepFirst(b)
	case inNumber:
		if isDigit(b) {
			return nil
		}
		in.argumentEnds()
		return in.stepAfter(b)
	case inQuoted:
		return in.stepQuoted(b)
	case inSize, atBrace, atLiteralCR, atLiteralLF:
		return in.stepAnnouncement(b)
	case inLiteral:
		return in.stepLiteral(b)
	case afterArgument:
		return in.stepAfter(b)
	case atLF:
		if b == '\n' {
			in.lineEnds()
			return nil
		}
		return in.stepLoose(b)
	case inLoose:
		return in.stepLoose(b)
	}
	return nil // in a security layer
}

// lineEnds begins the next command.
func (in *inspector) lineEnds() {
	*in = inspector{started: true, versioned: in.versioned, disputed: in.lost, lost: in.lost}
}

func (in *inspector) stepVerb(b byte) error {
	switch {
	case !isLetter(b):
	case in.letters < longest:
		in.verb[in.letters] = upper(b)
		in.letters++
		return nil
	default: // too long for a command
		return in.stepLoose(b)
	}
	command, known := syntax[string(in.verb[:in.letters])]
	if !known {
		return in.stepLoose(b)
	}
	in.args = command.args
	in.disputed = in.disputed || command.recent && !in.versioned
	return in.stepAfter(b)
}

// stepAfter reads the byte after a command's name or after an argument.
func (in *inspector) stepAfter(b byte) error {
	switch {
	case b == ' ' && len(in.args) > 0:
		in.state = atArgument
	case b == '\r':
		in.state = atLF
	default:
		return in.stepLoose(b)
	}
	return nil
}

func (in *inspector) stepFirst(b byte) error {
	in.count = 0
	switch isNumber := in.args[0] == number; {
	case isNumber && isDigit(b):
		in.state = inNumber
	case b == '"' && !isNumber:
		in.state, in.quoted = inQuoted, true
	case b == '{' && !isNumber:
		in.state = inSize
		in.count = noLiteral
	default:
		return in.stepLoose(b)
	}
	return nil
}

// stepQuoted reads a quoted string. Some servers refuse the line if the string
// is longer than servers must accept, or has 8-bit characters.
func (in *inspector) stepQuoted(b byte) error {
	in.count++
	in.lost = in.lost || in.count > maxQuoted
	in.disputed = in.disputed || in.lost || b >= 0x80
	switch wasEscaped := in.escaped; {
	case wasEscaped && b != '"' && b != '\\', isControl(b) && b != '\t':
		return in.stepLoose(b)
	case wasEscaped:
		in.escaped = false
	case b == '\\':
		in.escaped = true
	case b == '"':
		in.quoted = false
		in.argumentEnds()
	}
	return nil
}

// stepAnnouncement reads {n+} and the line end after it.
func (in *inspector) stepAnnouncement(b byte) error {
	switch {
	case in.state == inSize && isDigit(b) && in.count != 0: // no leading zero
		in.count = max(in.count, 0)*10 + int(b-'0')
		if in.count > in.maxLiteral() {
			return errLiteral
		}
	case in.state == inSize && b == '+' && in.count != noLiteral,
		in.state == atBrace && b == '}',
		in.state == atLiteralCR && b == '\r':
		in.state++
	case in.state == atLiteralLF && b == '\n':
		in.state++
		in.lost = in.lost || in.disputed
		in.pass(0)
	default:
		return errLiteral
	}
	return nil
}

func (in *inspector) maxLiteral() int {
	if in.args[0] == script {
		return maxScript
	}
	return maxQuoted
}

// stepLiteral reads a literal that is a name, or one that is disputed. Servers
// that refuse a name skip the rest of its line, so the name must not hold a
// line end.
func (in *inspector) stepLiteral(b byte) error {
	if in.args[0] != script {
		if isControl(b) {
			return errName
		}
		in.disputed = in.disputed || b >= 0x80
	}
	in.pass(1)
	return nil
}

// stepLoose reads a line that does not follow RFC 5804, up to its CRLF. Servers
// reply to it with NO, and disagree about the start of the next command if the
// line has a literal or an unclosed quoted string. After a bare CR or LF the
// line continues for some servers and has ended for others, so it stays loose.
func (in *inspector) stepLoose(b byte) error {
	in.state = inLoose
	switch {
	case b == 0:
		return errNUL
	case b == '{':
		return errLiteral
	case b == '\r' || b == '\n':
		if in.quoted {
			return errQuoted
		}
		if b == '\r' {
			in.state = atLF
		}
	case in.escaped:
		in.escaped = false
	case in.quoted && b == '\\':
		in.escaped = true
	case b == '"':
		in.quoted = !in.quoted
	}
	return nil
}
