package app

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/record"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// The next session of a user is recorded from the greeting to the end, also while it
// is relayed, without the password and the message.
func TestRecord(t *testing.T) {
	w := newWorld(t, administeredText)
	a := w.administered()
	o := record.Order{User: "demo", Sessions: 1, Bytes: 1 << 20, Time: time.Minute}
	if err := a.Record(o); err != nil {
		t.Fatal(err)
	}
	c := w.newClient(0, true)
	c.ask("", "* OK")
	c.ask("a LOGIN demo demo", "a OK")
	c.ask("b APPEND INBOX {25+}\r\nSubject: marked\r\n\r\nmarked", "b OK")
	c.ask("c SELECT INBOX", "c OK")
	c.ask("d FETCH * (UID BODY[])", "d OK")
	c.ask("e LOGOUT", "e OK")
	c.ended()
	wait.Until(t, "the recording does not end", func() bool { return !a.Recording().Running })
	state := a.Recording()
	if state.Err != nil || len(state.Files) != 2 || filepath.Dir(state.Files[0]) != filepath.Join(w.folder, "state", recordings) {
		t.Fatalf("%+v", state)
	}
	text, err := os.ReadFile(state.Files[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"tls: implicit\n", "S: * OK", "C: a LOGIN ", ` LOGIN "xxxxxxxx" "xxxxxxxx"`, "S: a OK", "C: b APPEND INBOX {25+}\nC: ${x*25}\nB< b APPEND INBOX {25+}\nB< ${x*25}\n",
		"C: c SELECT INBOX\nB< c SELECT INBOX\n", "S: d OK", "C: e LOGOUT", "closed\n",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "marked") || strings.Contains(string(text), "demo") { // the password is the user's name

		t.Errorf("the message or the password is in\n%s", text)
	}
}

// An open session is recorded from its next command on.
func TestRecordOpenSession(t *testing.T) {
	w := newWorld(t, administeredText)
	a := w.administered()
	c := w.newClient(1, false)
	c.ask("", "220 ")
	c.ask("EHLO client.example", "250 ")
	if err := a.Record(record.Order{ID: w.openSessions()[0].ID, Sessions: 1, Bytes: 1 << 20, Time: time.Minute, Folder: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	c.ask("MAIL FROM:<a@example.org>", "250 ")
	a.StopRecording()
	text, err := os.ReadFile(a.Recording().Files[0])
	if err != nil || !strings.Contains(string(text), "C: MAIL FROM:<a@example.org>\n") || strings.Contains(string(text), "C: EHLO") {
		t.Errorf("%s, %v", text, err)
	}
}

// A configuration may forbid recordings; a reload ends one.
func TestH18_RecordingsAreForbidden(t *testing.T) {
	w := newWorld(t, administeredText, func(w *world) { w.socket = true })
	a, o := w.administered(), record.Order{Client: netip.MustParsePrefix("192.0.2.0/24"), Sessions: 1, Bytes: 1, Time: time.Minute}
	if err := a.Record(o); err != nil {
		t.Fatal(err)
	}
	w.configure(administeredText + "admin: {record: false}\n")
	w.Reload()
	if err := a.Record(o); err == nil || a.Recording().Running {
		t.Errorf("it records: %v", err)
	}
}
