package app

import (
	"fmt"
	"testing"
	"time"
)

// The list of the instances with a copy of their inventory has room for new ones, although
// containers have a new name at each start.
func TestInventoryIndexForgets(t *testing.T) {
	now := time.Now()
	index, _ := readIndex(nil)
	for i := range 3 * maxIndex {
		index.record(fmt.Sprint("container", i), now.Add(time.Duration(i)*time.Minute), 30*24*time.Hour)
	}
	last := fmt.Sprint("container", 3*maxIndex-1)
	if _, there := index.Instances[last]; !there || len(index.Instances) != maxIndex {
		t.Errorf("of %d instances, the last one is there: %v", len(index.Instances), there)
	}
	index.record("another", now.Add(30*24*time.Hour), 30*24*time.Hour)
	if _, there := index.Instances[last]; !there {
		t.Error("an instance whose copy lives is forgotten")
	}
	index.record("another", now.Add(365*24*time.Hour), 30*24*time.Hour)
	if len(index.Instances) != 1 {
		t.Errorf("%d instances whose copies have expired are kept", len(index.Instances)-1)
	}
	index.record("one", now.Add(366*24*time.Hour), 0)
	if len(index.Instances) != 2 {
		t.Errorf("%d instances, with an age that is not known yet", len(index.Instances))
	}
}
