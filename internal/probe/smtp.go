package probe

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
)

var errGreeting = errors.New("it does not greet as its protocol demands")

// smtp asks whether the backend relays, and whether it accepts any password.
func (v *visit) smtp() error {
	greeting, err := v.read()
	if err != nil {
		return err
	}
	if greeting.code != 220 {
		return fmt.Errorf("%w: %.80q", errGreeting, greeting.line)
	}
	offers, err := v.introduced()
	if err != nil || offers == nil {
		return err
	}
	if err := v.relays(); err != nil {
		return err
	}
	if err := v.loginSMTP(offers); err != nil {
		return err
	}
	_, err = v.command("QUIT")
	return err
}

// introduced turns TLS on and hands a stranger's address over, where either is
// configured, and returns what the backend offers then. Nil offers end the
// visit.
func (v *visit) introduced() (offers offers, err error) {
	v.question = aboutHandover
	if offers, err = v.ehlo(); err != nil || offers == nil {
		return nil, err
	}
	if v.clear != nil {
		if err := v.secure("STARTTLS", "220 "); err != nil {
			return nil, err
		}
		if offers, err = v.ehlo(); err != nil || offers == nil {
			return nil, err
		}
	}
	switch v.Spoken {
	case gate.XCLIENT:
		return v.xclientSMTP(offers)
	case gate.XFORWARD:
		return offers, v.xforwardSMTP(offers)
	}
	return offers, nil
}

// reply is a reply of an SMTP backend.
type reply struct {
	code int
	text string // without the codes, in lines
	line string // the same in one line, with the code
}

func (r reply) ok() bool { return r.code/100 == 2 }

// isSyntax reports whether the backend has not understood or not implemented
// the command (RFC 5321 §4.2.2).
func (r reply) isSyntax() bool { return r.code >= 500 && r.code <= 504 }

// errEnds is what a 421 means: the backend closes the connection.
var errEnds = errors.New("it ends the visit")

// read reads a reply. A 421 is an error, but not as a greeting, where the
// caller sees that it is none.
func (v *visit) read() (reply, error) {
	code, text, err := v.ReadResponse(0)
	if err != nil {
		return reply{}, err
	}
	return reply{code, text, fmt.Sprintf("%d %s", code, strings.ReplaceAll(text, "\n", " "))}, nil
}

// errUnasked says that the replies are out of step: the next one would be taken
// for that to another command.
var errUnasked = errors.New("it speaks unasked")

// command sends a line and reads the reply.
func (v *visit) command(format string, args ...any) (reply, error) {
	if v.R.Buffered() > 0 {
		return reply{}, errUnasked
	}
	if err := v.PrintfLine(format, args...); err != nil {
		return reply{}, err
	}
	r, err := v.read()
	if err == nil && r.code == 421 {
		err = fmt.Errorf("%w with %.80q", errEnds, r.line)
	}
	return r, err
}

// offers are the extensions of an SMTP backend, by keyword.
type offers map[string][]string

// mechanisms are those of AUTH, in its old form too.
func (o offers) mechanisms() []string {
	mechanisms := slices.Clone(o["AUTH"])
	for keyword, more := range o {
		if first, old := strings.CutPrefix(keyword, "AUTH="); old {
			mechanisms = append(append(mechanisms, first), more...)
		}
	}
	return mechanisms
}

// ehlo returns what the backend offers; nil ends the visit.
func (v *visit) ehlo() (offers, error) {
	r, err := v.command("EHLO %s", v.Hostname)
	misread := r.isSyntax() || errors.Is(err, errUnasked)
	switch {
	case misread && v.Spoken == gate.PROXYHeader:
		v.noHandover(gate.ErrHeader.Error())
		return nil, nil
	case err != nil:
		return nil, err
	case r.code/100 == 5: // too old for extensions
		return v.helo()
	case !r.ok():
		return nil, errors.New("it answers EHLO with " + strconv.Quote(r.line))
	}
	all := offers{}
	_, extensions, _ := strings.Cut(r.text, "\n")
	for line := range strings.Lines(strings.ToUpper(extensions)) {
		if words := strings.Fields(line); len(words) > 0 {
			all[words[0]] = words[1:]
		}
	}
	return all, nil
}

// helo introduces us to a backend that knows no EHLO; it offers nothing.
func (v *visit) helo() (offers, error) {
	r, err := v.command("HELO %s", v.Hostname)
	if err == nil && !r.ok() {
		err = errors.New("it answers HELO with " + strconv.Quote(r.line))
	}
	return offers{}, err
}

// loginSMTP asks for a login with a made-up password.
func (v *visit) loginSMTP(offers offers) error {
	v.question = aboutLogin
	mechanisms := offers.mechanisms()
	switch {
	case len(mechanisms) == 0:
		v.noLogin("AUTH is not offered")
		return nil
	case v.lacks(mechanisms):
		return nil
	case !v.needsSASL() && !forPasswords(mechanisms):
		v.noLogin("only " + strings.Join(mechanisms, ", "))
		return nil
	}
	if l := v.login(mechanisms); l != nil {
		return v.tryPassword(l)
	}
	return nil
}

// tryPassword answers the backend's challenges, and judges its verdict.
func (v *visit) tryPassword(l *login) error {
	r, err := v.command("AUTH %s%s", l.mechanism, l.initial())
	for err == nil && r.code/100 == 3 && !l.cancelled() {
		r, err = v.command("%s", l.respond(r.text))
	}
	switch saw := answered("AUTH "+l.mechanism, r.line); {
	case err != nil:
		return err
	case r.code == 235:
		v.anyPassword(l.user)
	case r.isSyntax(), r.code == 530, r.code == 534, r.code == 538: // RFC 4954 §6: not that one, or not without TLS
		v.noLogin(saw)
	case r.code/100 != 5:
		v.unknown(later, "%s", saw)
	}
	return nil
}
