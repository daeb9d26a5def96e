// Package dialog runs written conversations against a gate in the proxy, over real
// sockets and real TLS. The files are both tests and documentation.
//
// The package assembles the listener itself: the tests of a protocol import it, and
// internal/app imports all protocols.
//
// A file contains one dialog, a step a line, in the order of the conversation:
//
//	# words for the reader
//	option: NAME VALUE     passed to the function that makes the gate
//	tls: implicit          the client starts TLS before anything is sent
//	C: text                the client sends text and CRLF
//	S: text                the client receives exactly text and CRLF
//	S~ regexp              the client receives a line that matches completely
//	B< text                the backend receives exactly text and CRLF
//	B~ regexp              the backend receives a line that matches completely
//	B> text                the backend sends text and CRLF
//	TLS                    the client's handshake succeeds
//	TLS fails              the client's handshake fails
//	S! closed              the client sees the end of the connection
//	B! closed              the backend sees the end of the connection
//	C! close               the client closes its connection
//	B! close               the backend closes its connection
//	B! none                the backend has not been dialled
//	B! TLS                 the backend's handshake succeeds
//	B! next                from here on, B is the backend that is dialled next
//
// Some options configure the session and not the gate:
//
//	weak TLS               TLS does not allow logins
//	hide, unnamed          mechanisms to hide, and to offer without a user name
//	full                   Admit refuses all logins
//	errors, literal, token the limits of these names
//	handover NAME          how the backend learns the client's address
//	backend starttls       the gate starts TLS with the backend
//	home NAME              this user has another backend
//	nowhere NAME           this user has no backend
//	lookup CODE; TEXT      the lookup of backends refuses all logins, with a code of SMTP or none
//	lookup down            the lookup of backends fails
//	lookup_ends            the session ends after the refusal
//	instead NAME PASSWORD  the lookup replaces the credentials
//	backend_login METHOD   the gate.LoginMethod
//
// Other options contain the events that the Observer must have received at the end,
// separated by "; ":
//
//	ends REASON            the reason for which the session ends
//	taken N                how many messages were accepted
//	logins                 user, mechanism, outcome and code of each login at the backend
//	denied                 user, mechanism and reason of each login that the gate refused
//	refused                the senders and recipients that were refused
//	messages               outcome, sender, recipients, size and reply of each message
//
// C| and B| send raw bytes in one piece, written as a Go string without its
// quotes: `C| STARTTLS\r\nNOOP\r\n`. In every text, ${x*N} stands for N times
// the byte x, so that long lines can be written.
package dialog
