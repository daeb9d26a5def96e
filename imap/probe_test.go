package imap

import (
	"testing"

	"github.com/letterlock/letterlock/internal/dialog"
)

func TestProbe(t *testing.T) { dialog.RunBackend(t, "testdata/probe/*.dialog", Probe) }
