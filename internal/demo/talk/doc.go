// Package talk plays the client in the demo's tests: it runs a script against a
// server over a socket, or gives a server its whole input from memory.
package talk
