// Package dialog runs written conversations against a gate, over real sockets
// and real TLS. The files are tests and documentation at once.
//
// A file holds one dialog, a step a line, in the order in which things happen:
//
//	# words for the reader
//	option: NAME VALUE     passed to the function that makes the gate
//	tls: implicit          the client starts TLS before anything is said
//	C: text                the client sends text and CRLF
//	S: text                the client is told exactly text and CRLF
//	S~ regexp              the client is told a line that matches from end to end
//	B< text                the backend is told exactly text and CRLF
//	B~ regexp              the backend is told a line that matches
//	B> text                the backend sends text and CRLF
//	TLS                    the client's handshake succeeds
//	TLS fails              the client's handshake fails
//	S! closed              the client sees the end of the connection
//	B! closed              the backend sees the end of the connection
//	C! close               the client closes its connection
//	B! close               the backend closes its connection
//	B! none                the backend has not been dialled
//	B! TLS                 the backend's handshake succeeds
//	B! next                from here on the backend is the one dialled next
//
// Some options are not for the function. "weak" TLS is good for no password,
// "hide" takes mechanisms away, "unnamed" adds some, "full" admits nobody;
// "errors", "literal" and "token" set their limits, and "handover" says how the
// backend is told who the client is. "backend starttls" has the gate turn TLS on
// towards the backend, "home NAME" gives that user another backend, "nowhere
// NAME" gives one none, "backend_login MEANS" is gate.Means, "ends REASON" says
// why the session ends, "taken N" is how many messages the gate tells of as
// accepted, and "logins" how the backend has answered the logins: user,
// mechanism, outcome and code of each, with "; " between them. "denied" are
// the logins that the gate itself refuses: user, mechanism and reason. "refused" are the
// senders and recipients that the gate tells of as refused, and "messages" what
// has become of messages: outcome, sender, recipients, size and reply.
//
// C| and B| send raw bytes in one piece, written as a Go string without its
// quotes: `C| STARTTLS\r\nNOOP\r\n`. In every text, ${x*N} stands for N times
// the byte x, so that long lines can be written.
package dialog
