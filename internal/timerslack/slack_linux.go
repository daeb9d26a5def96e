package timerslack

import (
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// The slack of a thread, in nanoseconds.
const (
	usual  = 50_000    // Linux's default
	raised = 1_000_000 // sysmon's: a goroutine that blocks in a system call keeps its processor for up to twice that
)

// early is more than the number of threads that the runtime starts before init.
const early = 8

// executed reports whether Raise has executed this program. Then the other threads get
// their slack back, before anything else starts threads.
var executed = slack() == raised && restore()

// slack returns the slack of the calling thread.
func slack() int {
	n, _ := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	return n
}

func setSlack(n uintptr) { _ = unix.Prctl(unix.PR_SET_TIMERSLACK, n, 0, 0, 0) }

// Raise executes the program again, with the same arguments, environment and open files,
// so that sysmon gets the raised slack. It returns if that has happened, if the slack is
// not the default one, and if the system does not permit it.
func Raise() {
	program, err := os.Executable()
	if err != nil || executed || slack() != usual {
		return
	}
	runtime.LockOSThread() // the program gets the slack of the thread that executes it
	defer runtime.UnlockOSThread()
	if setSlack(raised); slack() == raised {
		_ = unix.Exec(program, os.Args, os.Environ())
	}
	setSlack(usual)
}

// restore gives the main thread its usual slack, on which package variables are
// initialized, and ends all other threads but sysmon, by goroutines that end on all of
// them at the same time. The runtime's later threads are started by threads with the usual
// slack.
func restore() bool {
	setSlack(usual)
	var together sync.WaitGroup
	together.Add(early)
	for range early {
		go func() {
			setSlack(usual) // LockOSThread may start a thread
			runtime.LockOSThread()
			together.Done()
			together.Wait()
		}()
	}
	together.Wait()
	return true
}
