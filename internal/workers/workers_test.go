package workers

import (
	"sync"
	"testing"
)

// Functions run at the same time, whether a worker waits or not.
func TestFunctionsRunAtTheSameTime(t *testing.T) {
	const functions = 3 * maxIdle
	p := New()
	defer p.Stop()
	for range 2 {
		var started, finished sync.WaitGroup
		started.Add(functions)
		finished.Add(functions)
		for range functions {
			p.Run(func() {
				started.Done()
				started.Wait()
				finished.Done()
			})
		}
		finished.Wait()
	}
}

// A function that runs while the pool is stopped is not cut off.
func TestStopLetsFunctionsEnd(t *testing.T) {
	p := New()
	begin, end := make(chan struct{}), make(chan struct{})
	p.Run(func() {
		<-begin
		close(end)
	})
	p.Stop()
	close(begin)
	<-end
}
