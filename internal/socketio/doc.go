// Package socketio reads and writes sockets with system calls that Go's scheduler
// does not follow.
//
// Before each system call of package net the scheduler notes that the goroutine may
// block, and a thread of the runtime (sysmon) looks every 20 microseconds whether a
// call takes longer than that. If so, the scheduler gives the processor to another
// thread, and the goroutine has to wait for one afterwards. But the sockets are
// non-blocking: a call takes the time in which the kernel copies the bytes and, on
// loopback, delivers them. So the thread keeps its processor instead.
package socketio
