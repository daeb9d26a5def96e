package imap

import (
	"testing"

	"github.com/letterlock/letterlock/internal/dialog"
	"github.com/letterlock/letterlock/internal/gate"
)

func TestDialogs(t *testing.T) {
	dialog.Run(t, "testdata/*.dialog", func(_ map[string]string, s *gate.Session) dialog.Gate { return New(s) })
}
