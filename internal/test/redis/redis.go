// Package redis runs Redis in the memory of a test.
package redis

import (
	"testing"

	"github.com/alicebob/miniredis/v2"

	"github.com/letterlock/letterlock/internal/test/loopback"
)

// Run starts a server, which ends with the test. A test that closes it may start it
// again with StartAddr: no other server gets its address meanwhile.
func Run(t testing.TB) *miniredis.Miniredis {
	t.Helper()
	server := miniredis.NewMiniRedis()
	if err := server.StartAddr(loopback.FreeAddress(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}
