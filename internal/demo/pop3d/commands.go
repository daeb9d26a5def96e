package pop3d

import "strings"

// state is the state of a session (RFC 1939 §3). The states are bits, so that a
// command can list those in which it is valid.
type state uint

const (
	authorization state = 1 << iota
	transaction
	update
	ended
)

// command is a verb: the states in which it is valid, and its function.
type command struct {
	states state
	run    func(s *session, argument string)
}

// commands are all commands; there is no STLS, because there is no TLS.
var commands = map[string]command{
	"CAPA": {authorization | transaction, (*session).capa},
	"QUIT": {authorization | transaction, (*session).quit},
	"USER": {authorization, (*session).userName},
	"PASS": {authorization, (*session).pass},
	"APOP": {authorization, (*session).apop},
	"AUTH": {authorization, (*session).auth},
	"NOOP": {transaction, (*session).noop},
	"STAT": {transaction, (*session).stat},
	"LIST": {transaction, (*session).list},
	"UIDL": {transaction, (*session).uidl},
	"RETR": {transaction, (*session).retr},
	"TOP":  {transaction, (*session).top},
	"DELE": {transaction, (*session).dele},
	"RSET": {transaction, (*session).rset},
}

// do runs one command line.
func (s *session) do(line string) {
	verb, argument, _ := strings.Cut(line, " ")
	c, known := commands[strings.ToUpper(verb)]
	switch {
	case !known:
		s.wrong("unknown command")
	case c.states&s.state == 0:
		s.wrong("not now")
	default:
		c.run(s, argument)
	}
}

// capabilities are the same before and after the login (RFC 2449 §5).
const capabilities = "USER\r\nSASL PLAIN\r\nTOP\r\nUIDL\r\nPIPELINING\r\n" +
	"RESP-CODES\r\nAUTH-RESP-CODE\r\nEXPIRE NEVER\r\nIMPLEMENTATION letterlock-demo\r\n"

func (s *session) capa(string) {
	s.ok("capabilities follow")
	s.conn.Print(capabilities, ".\r\n")
}

func (s *session) noop(string) { s.ok("nothing done") }

// quit ends the session; after a login it carries out the deletions.
func (s *session) quit(string) {
	if s.state == transaction {
		s.state = update
		s.carryOut()
	} else {
		s.ok("bye")
	}
	s.state = ended
}

// carryOut is the UPDATE state. After a failure it tells the client and does
// not retry: the messages are still there at the next login.
func (s *session) carryOut() {
	var uids []uint32
	for _, m := range s.messages {
		if m.deleted {
			uids = append(uids, m.UID)
		}
	}
	if len(uids) > 0 && s.drop.Delete(uids) != nil {
		s.fail("[SYS/TEMP] some deleted messages were not removed")
		return
	}
	s.ok("bye")
}
