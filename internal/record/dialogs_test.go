package record_test

import (
	"encoding/base64"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/letterlock/letterlock/imap"
	"github.com/letterlock/letterlock/internal/dialog"
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/record"
	"github.com/letterlock/letterlock/pop3"
	"github.com/letterlock/letterlock/proxy"
	"github.com/letterlock/letterlock/sieve"
	"github.com/letterlock/letterlock/smtp"
)

// gates make the gates of the protocols from the options of a dialog.
var gates = map[string]func(*testing.T, map[string]string, *gate.Session) dialog.Gate{
	"imap":  func(_ *testing.T, _ map[string]string, s *gate.Session) dialog.Gate { return imap.New(s) },
	"pop3":  func(_ *testing.T, _ map[string]string, s *gate.Session) dialog.Gate { return pop3.New(s) },
	"sieve": func(_ *testing.T, _ map[string]string, s *gate.Session) dialog.Gate { return sieve.New(s) },
	"smtp":  smtpGate,
}

func smtpGate(t *testing.T, options map[string]string, s *gate.Session) dialog.Gate {
	o := smtp.Options{DisableVRFY: options["vrfy"] != "yes", Received: options["received"] == "yes", RejectBareNewline: options["bare-newline"] == "reject"}
	switch options["service"] {
	case "smtp":
	case "smtp-auth":
		o.Auth = smtp.OptionalAuth
	default:
		o.RequireTLS, o.Auth = true, smtp.RequireAuth
	}
	if list := options["recipients"]; list != "" {
		o.Recipients = smtp.Recipients(strings.Fields(list))
	}
	o.HideSTARTTLS, o.TLSDomains = options["starttls"] == "hidden", strings.Fields(options["tls-domains"])
	s.Mail.Spool = func() (gate.Spool, error) { return os.CreateTemp(t.TempDir(), "") }
	s.Limits.Message = 1 << 20
	if client := options["client"]; client != "" {
		s.Client = netip.MustParseAddrPort(client)
	}
	if name := options["name"]; name != "" {
		s.LookupName = func() gate.Name { return gate.Name{Confirmed: name, Claimed: name} }
	}
	return smtp.New(s, o)
}

// play runs dialogs of a protocol, and records their sessions.
func play(t *testing.T, protocol, pattern string) (recorded map[string]string) {
	t.Helper()
	recorded, mu := map[string]string{}, sync.Mutex{}
	t.Run("play", func(t *testing.T) {
		newGate := func(options map[string]string, s *gate.Session) dialog.Gate { return gates[protocol](t, options, s) }
		dialog.RunOn(t, pattern, newGate, func(t *testing.T, s *proxy.Server) {
			folder := t.TempDir()
			r := &record.Recorder{
				Log: slog.New(slog.DiscardHandler), Hostname: func() string { return "mail.example.com" },
				Protocol: func(string) string { return protocol },
			}
			o := record.Order{Client: netip.MustParsePrefix("127.0.0.0/8"), Sessions: 1, Bytes: 4 << 20, Time: time.Minute, Folder: folder}
			if err := r.Start(o); err != nil {
				t.Error(err)
			}
			s.Recorder, s.Observer = r, observe.All{s.Observer, r}
			t.Cleanup(func() {
				r.Close()
				mu.Lock()
				defer mu.Unlock()
				for _, suffix := range []string{".dialog", ".txt"} {
					recorded[filepath.Base(t.Name())+suffix] = read(t, folder, suffix)
				}
			})
		})
	})
	return recorded
}

// read returns the text of the one file with a suffix.
func read(t *testing.T, folder, suffix string) string {
	files, err := filepath.Glob(filepath.Join(folder, "*"+suffix))
	if err != nil || len(files) != 1 {
		t.Errorf("%d files, %v", len(files), err)
		return ""
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

// passwords are the secrets in the dialogs.
var passwords = []string{"secret", "se cret"}

// spellings returns a secret in the forms in which a conversation may have it: as it
// is, and in base64 behind one, two or three bytes.
func spellings(secret string) []string {
	all := []string{secret}
	for before := range 3 {
		encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x00", before) + secret))
		encoded = strings.TrimRight(encoded, "=")
		all = append(all, encoded[(before*8+5)/6:len(encoded)-1])
	}
	return all
}

// replayable are dialogs whose recordings replay. Others do not: those of lines that
// are masked as a whole, and of users whose secret the proxy replaces by a random one.
var replayable = map[string]string{
	"imap": "auth-initial auth-steps auth-pipelined auto-identity backend-hung-up backend-starttls handover login-answers login-pipelined login-referral " +
		"logout plaintext-commands starttls translated-bearer translated-command translated-cram weak-tls",
	"pop3":  "auth-initial auth-steps auto-user backend-hung-up backend-starttls handover pass-pipelined pass-verbatim stls too-many-logins translated-cram",
	"sieve": "auth-pipelined backend-hung-up backend-starttls handover login-answers referral starttls translated-login",
	"smtp": "auth-challenges auth-optional-plaintext backend-hung-up backend-starttls implicit login-answers mail-reported-chunks mx old-backend submission " +
		"translated-cram xclient-dovecot",
}

// Sessions with passwords are recorded without their secrets, and the recordings
// replay in a test of the protocol.
func TestDialogs(t *testing.T) {
	for protocol := range gates {
		t.Run(protocol, func(t *testing.T) {
			folder, source := t.TempDir(), "../../"+protocol+"/testdata/"
			for name, text := range play(t, protocol, someDialogs(t, protocol, source)) {
				if hasPassword(text) {
					t.Errorf("a password is in %s:\n%s", name, text)
				}
				if stem, ok := strings.CutSuffix(name, ".dialog"); ok && slices.Contains(strings.Fields(replayable[protocol]), stem) {
					write(t, filepath.Join(folder, name), optionsOf(t, source+name)+text)
				}
			}
			newGate := func(options map[string]string, s *gate.Session) dialog.Gate { return gates[protocol](t, options, s) }
			t.Run("replay", func(t *testing.T) { dialog.Run(t, filepath.Join(folder, "*.dialog"), newGate) })
		})
	}
}

// someDialogs returns a pattern for copies of the dialogs that replay, and of those with
// a password.
func someDialogs(t *testing.T, protocol, source string) (pattern string) {
	folder, copied := t.TempDir(), 0
	files, err := filepath.Glob(source + "*.dialog")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(file)
		if hasPassword(string(text)) || slices.Contains(strings.Fields(replayable[protocol]), strings.TrimSuffix(name, ".dialog")) {
			write(t, filepath.Join(folder, name), string(text))
			copied++
		}
	}
	if copied < 10 {
		t.Errorf("only %d dialogs have a password or replay", copied)
	}
	return filepath.Join(folder, "*.dialog")
}

// hasPassword reports whether a text has a password in one of its forms.
func hasPassword(text string) bool {
	return slices.ContainsFunc(passwords, func(secret string) bool {
		return slices.ContainsFunc(spellings(secret), func(form string) bool { return strings.Contains(text, form) })
	})
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// optionsOf returns the options of a dialog, which a recording does not know.
func optionsOf(t *testing.T, path string) (options string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "option: ") || strings.HasPrefix(line, "tls: ") {
			options += line
		}
	}
	return options
}
