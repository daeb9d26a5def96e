// Package talk plays the client in the demo's tests: it holds a scripted
// conversation over a socket with a server under test, or feeds one from memory.
package talk
