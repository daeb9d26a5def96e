package imap

import (
	"crypto/tls"
	"strconv"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/dialog"
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/testgate"
)

// The options of the dialogs: "weak" TLS, "hide" a mechanism, "full" admits
// nobody; "errors", "literal" and "token" set their limits.
func TestDialogs(t *testing.T) {
	dialog.Run(t, "testdata/*.dialog", func(options map[string]string, s *gate.Session) dialog.Gate {
		if _, weak := options["weak"]; weak {
			s.Strong = func(*tls.ConnectionState) bool { return false }
		}
		s.Mechanisms.Hidden = strings.Fields(options["hide"])
		if _, full := options["full"]; full {
			s.Watch = &testgate.Watch{Full: true}
		}
		set(&s.Limits.Errors, options["errors"])
		set(&s.Limits.Literal, options["literal"])
		set(&s.Limits.Token, options["token"])
		s.Handover = map[string]gate.Handover{"imap-id": gate.IMAPID, "proxy": gate.PROXYHeader}[options["handover"]]
		return New(s)
	})
}

func set(limit *int, value string) {
	if n, err := strconv.Atoi(value); err == nil {
		*limit = n
	}
}
