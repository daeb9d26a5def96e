// Package upgrade replaces the running process by a process of a newer version,
// without closing a listening socket.
//
// The old process starts the program anew, with its listening sockets and two
// pipes. Each message on the pipes is a length and a JSON object:
//
//	old process                        new process
//	sockets: the list of the sockets
//	starts the program
//	                                   reads the configuration, probes the
//	                                   backends, opens the missing sockets
//	                                   prepared, or failed with the reason
//	state: what the process passes on
//	                                   begins to accept
//	                                   ready, with its version
//	closes the pipe
//	finishes its sessions, and ends
//
// Up to "ready" both processes have the sockets open, so a connection waits in
// the queue of its socket until either accepts it. If the new process ends, or
// is silent for too long, the old process continues as if nothing had happened. If
// the old process is killed, the new one serves, without the state: the list of the
// sockets is in the pipe before the new process exists.
//
// Control is the socket on which the old process receives the request of
// `letterlock upgrade`.
package upgrade
