// Package usage measures the memory and the open files of the test's own
// process, so that tests find leaks.
package usage

import (
	"os"
	"runtime"
	"testing"
)

// Descriptors counts the open files. Nobody can count them but on Linux: there
// are none elsewhere.
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

// Memory is how many bytes of heap and stacks are in use, when all garbage is
// collected.
func Memory() int64 {
	runtime.GC()
	runtime.GC() // once more, for what pools and finalizers have let go
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
