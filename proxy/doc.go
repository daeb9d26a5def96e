// Package proxy carries mail sessions from accept to close. It holds what
// takes a socket, a timer or a goroutine, and speaks no protocol: a Gate does.
//
// The life of a session, the same for every protocol:
//
//	accept   reserve a place, or refuse with the protocol's own words
//	Secure   the gate greets in our name and answers alone until TLS is on
//	         (services with implicit TLS start it before anything is said)
//	Open     the backend is dialled, its greeting heard
//	Settle   capabilities and login, rewritten and relayed, until the client
//	         has earned the relay; SMTP stays in this step to its end
//	relay    bytes, unread, both ways
//	close    the gate's last words for the reason, close_notify, one log line
//
// A Generation is what one configuration says of all this. Another one can take
// its place; a session keeps to the one that it began under.
//
// What happens flows out through one Observer; the log is one.
package proxy
