package limit

import "testing"

// Kept connections leave half of the descriptors to sessions.
func TestSpareDescriptors(t *testing.T) {
	d := NewDescriptors(4)
	spare := 0
	for d.AcquireSpare() {
		spare++
	}
	if spare != 2 || !d.Acquire() || !d.Acquire() || d.Acquire() {
		t.Errorf("%d are spare", spare)
	}
	if !Descriptors(nil).AcquireSpare() {
		t.Error("no bound is a bound")
	}
}
