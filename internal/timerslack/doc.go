// Package timerslack makes one thread of Go's runtime look less often.
//
// That thread, sysmon, looks whether goroutines stay long in system calls. It sleeps for
// at least 20 microseconds between two looks, and for up to 10 milliseconds if it finds
// nothing to do. But it stops looking while the whole process is idle, and the next
// system call wakes it, with the short sleep again. A proxy is idle between two events,
// and each session makes a dozen system calls that the scheduler follows, such as accept,
// connect and close. At a high rate of sessions a tenth of the CPU time was spent on
// this.
//
// The kernel may end a sleep later than asked, by the thread's timer slack (prctl(2)),
// which is 50 microseconds by default. With a slack of a millisecond sysmon looks at
// most a thousand times a second. A larger slack saves more, but then a processor waits
// longer for a goroutine whose thread the kernel does not run.
//
// A thread gets the slack of the thread that starts it, and the runtime starts sysmon
// before the program can run. Therefore the program sets the slack, executes itself
// again, in the same process, and gives the other threads their slack back.
package timerslack
