package wait

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

func TestLog(t *testing.T) {
	var text Log
	var writers sync.WaitGroup
	for i := range 8 {
		writers.Go(func() {
			for range 100 {
				fmt.Fprintf(&text, "line of %d\n", i)
				if got := text.String(); !strings.HasSuffix(got, "\n") {
					t.Errorf("half a line in %q", got)
				}
			}
		})
	}
	writers.Wait()
	if got := strings.Count(text.String(), "\n"); got != 800 {
		t.Errorf("%d lines", got)
	}
}
