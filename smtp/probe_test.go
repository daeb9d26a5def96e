package smtp

import (
	"testing"

	"github.com/letterlock/letterlock/internal/dialog"
	"github.com/letterlock/letterlock/internal/wire"
)

func TestProbe(t *testing.T) {
	dialog.RunBackend(t, "testdata/probe/*.dialog", func(back *wire.Stream) error { return Probe(back, "mail.example.com") })
}
