package syntax

import "github.com/letterlock/letterlock/internal/gate"

// farewells are the last replies to a client, by the reason for which its
// session ends (RFC 5321 §3.8, RFC 3463). For other reasons the client gets
// none.
var farewells = map[gate.Reason]string{
	gate.Timeout:        "421 4.4.2 Timeout exceeded, closing connection",
	gate.Injected:       "554 5.5.0 Plaintext after STARTTLS, closing connection",
	gate.Desynchronised: "554 5.5.0 Improper use of SMTP command pipelining",
	gate.TooManyErrors:  "421 4.7.0 Too many errors, closing connection",
	gate.LineTooLong:    "500 5.5.2 Line too long",
	gate.OtherProtocol:  "554 5.5.0 This is a mail service",
	gate.TLSUnasked:     "554 5.5.1 Send STARTTLS before TLS",
	gate.HeaderUnasked:  "554 5.5.0 No PROXY header is expected here",
	gate.EarlyTalker:    "554 5.5.1 You spoke before the greeting",
	gate.LoginRefused:   "421 4.7.0 Too many failed logins, try again later",
	gate.Busy:           "421 4.7.0 Too many connections, try again later",
	gate.Shutdown:       "421 4.3.2 Service shutting down, try again later",
	gate.Kicked:         "421 4.3.2 The administrator has ended this session",
	gate.Internal:       "421 4.3.0 Internal error",
}

// Farewell returns the last reply of a session, with the session's id, or "".
func Farewell(why gate.Reason, id string) string {
	text := farewells[why]
	if why.Backend() {
		text = "421 4.3.2 Service not available"
	}
	if text == "" {
		return ""
	}
	return text + " [" + id + "]\r\n"
}
