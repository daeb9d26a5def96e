// Package usage measures the memory and the open files of the test's own
// process, so that tests find leaks.
package usage

import (
	"os"
	"runtime"
	"testing"
)

// Descriptors returns the number of open files. It can only count them on
// Linux, and returns 0 elsewhere.
func Descriptors(t testing.TB) int {
	t.Helper()
	if runtime.GOOS != "linux" {
		return 0
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// Memory returns the bytes of heap and stacks in use, after a garbage
// collection.
func Memory() int64 {
	runtime.GC()
	runtime.GC() // again, for objects that pools and finalizers have released
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
