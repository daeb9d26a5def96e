package usage

import (
	"os"
	"runtime"
	"testing"
)

func TestDescriptors(t *testing.T) {
	if runtime.GOOS != "linux" {
		return
	}
	open := func() {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
	}
	open() // the first one also opens the descriptors of Go's poller
	before := Descriptors(t)
	open()
	if got := Descriptors(t); got != before+1 {
		t.Errorf("after opening one more than %d there are %d", before, got)
	}
}

func TestMemory(t *testing.T) {
	before := Memory()
	held := make([]byte, 8<<20)
	if grown := Memory() - before; grown < 7<<20 || grown > 9<<20 {
		t.Errorf("8 MiB are counted as %d bytes", grown)
	}
	runtime.KeepAlive(held)
}
