package app

import (
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/oauth"
	"github.com/letterlock/letterlock/internal/record"
	"github.com/letterlock/letterlock/internal/test/loopback"
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

// A recorded session of a smarthost has the logins of a device and of the proxy itself at
// a relay, accepted and refused, by password and by token, without their secrets.
func TestH18_LoginsAtRelays(t *testing.T) {
	t.Parallel()
	const password, consent, token = "relay-pw-4711", "consent-0815", "token-abc-42"
	devicePassword := "device-pw-2342"
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token": "`+token+`", "token_type": "Bearer", "expires_in": 3600}`)
	}))
	t.Cleanup(endpoint.Close)
	for name, tt := range map[string]struct {
		login    string
		token    bool
		accepted string // the relay's secret
		want     string // in the recording
	}{
		"password":         {"{user: scanner@example.com, password_file: relay-password}", false, password, "B< AUTH PLAIN "},
		"refused password": {"{user: scanner@example.com, password_file: relay-password}", false, "another", "B> 535"},
		"token":            {`{user: scanner@example.com, oauth: {client_id: app, token_url: "` + endpoint.URL + `"}}`, true, token, "B< AUTH XOAUTH2 "},
		"refused token":    {`{user: scanner@example.com, oauth: {client_id: app, token_url: "` + endpoint.URL + `"}}`, true, "another", "B> 535"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, secret, serve := newProvider(t, tt.token)
			secret.Store(tt.accepted)
			text := strings.Replace(fmt.Sprintf(relayConfiguration, strings.TrimPrefix(address, loopback.Host()), tt.login), "smarthost:\n", `hostname: mail.example.com
certificates: [{cert: cert.pem, key: key.pem}]
smarthost:
  device_passwords: device-passwords
  devices: [{name: scanner, login: true}]
`, 1)
			w := newWorld(t, strings.Replace(text, "service: smarthost,", "service: smarthost, policy: strict,", 1), withFiles(map[string]string{
				"relay-password": password + "\n", "token-key": strings.Repeat("k", 48), "device-passwords": passwordLine(t, "scanner", devicePassword),
			}))
			serve(w.ca.ECDSA(t, "mx.example.net"))
			if tt.token {
				c := w.now.Load().config
				if err := GrantOf(c, c.Smarthost.Destinations[0].Login).(*oauth.Refresh).File.Write(consent); err != nil {
					t.Fatal(err)
				}
			}
			a := w.administered()
			if err := a.Record(record.Order{Client: netip.MustParsePrefix("127.0.0.0/8"), Sessions: 1, Bytes: 1 << 20, Time: time.Minute}); err != nil {
				t.Fatal(err)
			}
			if err := w.sendAs(tls.VersionTLS13, "scanner", devicePassword, "scanner@example.com"); (err == nil) == (tt.accepted == "another") {
				t.Fatal(err)
			}
			wait.Until(t, "the recording does not end", func() bool { return !a.Recording().Running })
			all := ""
			for _, file := range a.Recording().Files {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				all += string(text)
			}
			for _, want := range []string{"C: AUTH PLAIN ", "S: 235 ", tt.want} {
				if !strings.Contains(all, want) {
					t.Errorf("no %q in\n%s", want, all)
				}
			}
			for _, secret := range []string{password, devicePassword, token, consent} {
				for _, form := range inEachForm(secret) {
					if strings.Contains(all, form) {
						t.Errorf("%s is in\n%s", form, all)
					}
				}
			}
		})
	}
}

// inEachForm returns a secret, and what stands for it in base64 wherever it begins in a
// group of three bytes.
func inEachForm(secret string) []string {
	forms := []string{secret}
	for before := range 3 {
		text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", before) + secret))
		forms = append(forms, strings.TrimRight(text[4*((before+2)/3):], "=")[:8])
	}
	return forms
}
