// Package proxy carries mail sessions from accept to close. It holds sockets,
// timers and goroutines, and speaks no protocol: a Gate does.
//
// A session has the same steps for every protocol:
//
//	accept   take a slot, or refuse with the protocol's own reply
//	Secure   the gate greets in our name and replies alone until TLS is on
//	         (services with implicit TLS start it before the greeting)
//	Open     dial the backend and read its greeting
//	Settle   rewrite and relay capabilities and login, until the client has
//	         logged in; SMTP stays in this step to its end
//	relay    copy bytes both ways, unread
//	close    the gate's last reply with the reason, close_notify, one log line
//
// A Generation holds one configuration: its listeners, pools and limits. A reload
// replaces it; a session keeps the generation that it began under.
//
// All events go to one Observer, which also writes the log of sessions.
package proxy
