package attacks

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/configs"
	recording "github.com/letterlock/letterlock/internal/record"
)

// marked is the password of the clients whose sessions are recorded.
const marked = "Tr0ub4dor-3x"

// markedLogins are logins with the password, by protocol: in one line, with a
// response of its own line, and in the wrong position.
var markedLogins = map[string][]string{
	"smtp": {"AUTH PLAIN %s\r\n", "AUTH PLAIN\r\n%s\r\n", "AUTH LOGIN YWxpY2U=\r\n%s\r\n", "AUTH XOAUTH2 %s\r\n", "AUTH %s\r\n", "%s\r\n"},
	"imap": {"b LOGIN alice %[2]s\r\n", "b LOGIN alice {12+}\r\n%[2]s\r\n", "b AUTHENTICATE PLAIN %s\r\n", "b AUTHENTICATE PLAIN\r\n%s\r\n",
		"b LOGIN \"alice\" \"%[2]s\r\n", "LOGIN alice %[2]s\r\n", "%s\r\n"},
	"pop3":  {"USER alice\r\nPASS %[2]s\r\n", "AUTH PLAIN %s\r\n", "AUTH PLAIN\r\n%s\r\n", "PASS alice %[2]s\r\n", "%[2]s\r\n"},
	"sieve": {"AUTHENTICATE \"PLAIN\" \"%s\"\r\n", "AUTHENTICATE \"PLAIN\" {28+}\r\n%s\r\n", "AUTHENTICATE \"PLAIN\"\r\n\"%s\"\r\n", "AUTHENTICATE %s\r\n"},
}

// markedForms returns the password as a conversation may have it: as it is, and in
// base64 behind one, two or three bytes.
func markedForms() (forms []string) {
	forms = append(forms, marked)
	for before := range 3 {
		text := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\x00", before) + marked))
		forms = append(forms, text[(before*8+5)/6:len(text)-1])
	}
	return forms
}

// isMarked reports whether a text has the password.
func isMarked(text string) bool {
	for _, form := range markedForms() {
		if strings.Contains(text, form) {
			return true
		}
	}
	return false
}

// H18: the recording of a session has no secret, whatever the client sends around its
// login, and although the backend repeats each line that it refuses.
func TestH18_RecordedSessions(t *testing.T) {
	var payloads []string
	for _, name := range []string{"injections.txt", "literals.txt", "trusted.txt", "id.txt", "end-of-data.txt"} {
		for i, p := range corpus(t, name) {
			if i%3 == 0 {
				payloads = append(payloads, p.text())
			}
		}
	}
	each(t, []configs.Service{configs.SMTP, configs.Submission, configs.IMAPS, configs.POP3, configs.Sieve}, func(t *testing.T, service configs.Service) {
		w := openOnly(t, service, func(w *world) { w.back[service].answer = repeats(service.Protocol()) })
		order := recording.Order{
			Client: netip.MustParsePrefix("127.0.0.0/8"), Sessions: recording.MaxSessions, Bytes: 256 << 10, Time: time.Hour, Folder: t.TempDir(),
		}
		if err := w.Server.Recorder.Start(order); err != nil {
			t.Fatal(err)
		}
		logins, sessions := markedLogins[service.Protocol()], min(recording.MaxSessions, len(payloads))
		for i, payload := range payloads[:sessions] {
			login := fmt.Sprintf(strings.ReplaceAll(logins[i%len(logins)], "%s", "%[1]s"), plain("alice", marked), marked)
			w.sendRecorded(service, i, payload, login)
		}
		w.stop()
		recordedWithout(t, order.Folder, sessions)
	})
}

// repeats returns the replies of a backend that repeats what it refuses.
func repeats(protocol string) func(string) (string, bool) {
	return func(line string) (string, bool) {
		tag, _, _ := strings.Cut(line, " ")
		refusal := map[string]string{"smtp": "535 5.7.8 wrong: " + line, "imap": tag + " NO wrong: " + line, "pop3": "-ERR wrong: " + line, "sieve": `NO "wrong"`}
		return refusal[protocol] + "\r\n", isMarked(line)
	}
}

// sendRecorded sends a payload and a login, in an order that depends on the number of
// the session; each fourth session sends both before TLS.
func (w *world) sendRecorded(service configs.Service, n int, payload, login string) {
	w.t.Helper()
	var c *client
	switch {
	case n%4 == 0 && !service.Implicit():
		c = w.greeted(service)
	default:
		c = w.secured(service)
		if c.protocol == "smtp" {
			c.ask("EHLO client.example")
		}
	}
	text := []string{payload + login, login + payload, payload + "\r\n" + login, login}[n/4%4]
	_, _ = c.Write([]byte(text)) // the proxy may have ended the session
	closeWrite(c.socket)
	_ = c.rest()
}

// recordedWithout checks the files of a number of sessions.
func recordedWithout(t *testing.T, folder string, sessions int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil || len(files) != 2*sessions {
		t.Errorf("%d files of %d sessions, %v", len(files), sessions, err)
	}
	masks := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if isMarked(string(text)) {
			t.Errorf("the password is in\n%s", text)
		}
		masks += strings.Count(string(text), "xxxxxxxx") + strings.Count(string(text), "eHh4") + strings.Count(string(text), "4eHh")
	}
	if masks < sessions/4 {
		t.Errorf("only %d masks in %d sessions", masks, sessions)
	}
}
