package sieved

import (
	"errors"
	"fmt"
)

// when lists the states in which a command is valid.
type when int

const (
	always when = iota
	before      // the login
	after
)

// rule describes a command: its arguments are strings (s) and numbers (n), the
// last ones optional.
type rule struct {
	when     when
	args     string
	required int
	run      func(s *session, args []arg)
}

// rules are all commands; there is no STARTTLS, because there is no TLS.
var rules = map[string]rule{
	"CAPABILITY":     {always, "", 0, (*session).capability},
	"NOOP":           {always, "s", 0, (*session).noop},
	"LOGOUT":         {always, "", 0, (*session).logout},
	"AUTHENTICATE":   {before, "ss", 1, (*session).authenticate},
	"UNAUTHENTICATE": {after, "", 0, (*session).unauthenticate},
	"HAVESPACE":      {after, "sn", 2, (*session).haveSpace},
	"PUTSCRIPT":      {after, "ss", 2, (*session).putScript},
	"CHECKSCRIPT":    {after, "s", 1, (*session).checkScript},
	"LISTSCRIPTS":    {after, "", 0, (*session).listScripts},
	"GETSCRIPT":      {after, "s", 1, (*session).getScript},
	"SETACTIVE":      {after, "s", 1, (*session).setActive},
	"DELETESCRIPT":   {after, "s", 1, (*session).deleteScript},
	"RENAMESCRIPT":   {after, "ss", 2, (*session).renameScript},
}

// do runs one command.
func (s *session) do(c command) {
	r, known := rules[c.verb]
	switch {
	case !known:
		s.no("", "unknown command")
	case r.when == after && s.user == "":
		s.no("", "log in first")
	case r.when == before && s.user != "":
		s.no("", "already logged in")
	case !r.fits(c.args):
		s.no("", "wrong arguments")
	default:
		r.run(s, c.args)
	}
}

// fits reports whether number and type of the arguments are correct.
func (r rule) fits(args []arg) bool {
	if len(args) < r.required || len(args) > len(r.args) {
		return false
	}
	for i, a := range args {
		if a.isNumber != (r.args[i] == 'n') {
			return false
		}
	}
	return true
}

// capability lists the server's capabilities (RFC 5804 §1.7). The extensions
// are those that a script may require; scripts are never run.
func (s *session) capability([]arg) {
	s.conn.Print(`"IMPLEMENTATION" "Letterlock demo"` + "\r\n" +
		`"SASL" "PLAIN"` + "\r\n" +
		`"SIEVE" "fileinto reject envelope vacation"` + "\r\n" +
		`"UNAUTHENTICATE"` + "\r\n" +
		`"VERSION" "1.0"` + "\r\n")
	if s.user != "" {
		s.conn.Print(`"OWNER" `, encode(s.user), "\r\n")
	}
	s.ok("", "ready")
}

// noop returns a tag, with which a client can synchronise (§2.13).
func (s *session) noop(args []arg) {
	code := ""
	if len(args) == 1 {
		code = "TAG " + encode(args[0].text)
	}
	s.ok(code, "done")
}

func (s *session) logout([]arg) {
	s.ok("", "bye")
	s.ended = true
}

func (s *session) haveSpace(args []arg) {
	s.reply(s.server.scripts.room(args[0].text, int64(args[1].number)), "there is room")
}

func (s *session) putScript(args []arg) {
	err := s.check(args[1])
	if err == nil {
		err = s.server.scripts.put(args[0].text, args[1].text)
	}
	s.reply(err, "stored")
}

func (s *session) checkScript(args []arg) { s.reply(s.check(args[0]), "well formed") }

// check checks a script; see Check.
func (s *session) check(script arg) error {
	if script.tooLong {
		return errTooLong
	}
	return Check(script.text)
}

func (s *session) listScripts([]arg) {
	for _, script := range s.server.scripts.list() {
		s.conn.Print(encode(script.name))
		if script.active {
			s.conn.Print(" ACTIVE")
		}
		s.conn.Print("\r\n")
	}
	s.ok("", "listed")
}

// getScript sends the script as a literal, so that it is unchanged.
func (s *session) getScript(args []arg) {
	text, err := s.server.scripts.get(args[0].text)
	if err == nil {
		s.conn.Print(fmt.Sprintf("{%d}\r\n", len(text)), text, "\r\n")
	}
	s.reply(err, "sent")
}

func (s *session) setActive(args []arg) {
	s.reply(s.server.scripts.activate(args[0].text), "done")
}

func (s *session) deleteScript(args []arg) {
	s.reply(s.server.scripts.remove(args[0].text), "deleted")
}

func (s *session) renameScript(args []arg) {
	s.reply(s.server.scripts.rename(args[0].text, args[1].text), "renamed")
}

// reply replies with an error of the scripts.
func (s *session) reply(err error, done string) {
	if err == nil {
		s.ok("", done)
		return
	}
	refused, _ := errors.AsType[refusal](err) // zero: no code
	s.no(refused.code, err.Error())
}
