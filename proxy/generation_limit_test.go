package proxy

import (
	"bytes"
	"log/slog"
	"testing"
)

// The number of sessions never exceeds the available descriptors.
func TestConnectionsFitTheDescriptors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ configured, descriptors, want int }{
		{10000, 1 << 20, 10000}, {10000, 1024, 352}, {100, 1024, 100}, {100, 64, 1},
	} {
		log := &bytes.Buffer{}
		g := &Generation{Limits: Limits{Connections: c.configured}}
		g.fit(c.descriptors, slog.New(slog.NewTextHandler(log, nil)))
		if g.Limits.Connections != c.want || (log.Len() > 0) != (c.want < c.configured) {
			t.Errorf("%d connections with %d descriptors: %d, %s", c.configured, c.descriptors, g.Limits.Connections, log)
		}
	}
}
