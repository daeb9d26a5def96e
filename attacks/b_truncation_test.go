package attacks

import (
	"bytes"
	"crypto/tls"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/configs"
)

// B11: a command or message that is cut off is not run or delivered. After a
// goodbye of either side the proxy sends a close_notify.
func TestB11_Truncation(t *testing.T) {
	t.Parallel()
	goodbyes := map[string]string{"smtp": "QUIT", "imap": "z LOGOUT", "pop3": "QUIT", "sieve": "LOGOUT"}
	each(t, all, func(t *testing.T, service configs.Service) {
		w := openOnly(t, service, func(w *world) { w.Limits.Errors = 1 })
		for _, last := range []string{goodbyes[service.Protocol()], "wrong WRONG"} {
			c, records := w.recorded(service)
			c.send(last + "\r\n")
			if _, err := io.ReadAll(c.in); err != nil {
				t.Fatal(err)
			}
			if kind := lastRecord(records.Bytes()); kind != alertRecord {
				t.Errorf("behind %s the last record is of type %d", last, kind)
			}
		}
	})
	for way, start := range ways {
		for _, cut := range []string{"text", "text\r\n", "text\r\n.", "text\r\n.\r", ".", ".\r"} {
			t.Run("DATA ends at "+cut+", "+way, func(t *testing.T) { truncated(t, start, "DATA", "354 .*", cut) })
		}
		for _, cut := range []string{"BDAT 10 LAST\r\ntext", "BDAT 5\r\ntext\nBDAT 10 LAST\r\ntext", "BDAT 4 LAST"} {
			t.Run("BDAT ends at "+cut+", "+way, func(t *testing.T) { truncated(t, start, "NOOP", "250 .*", cut) })
		}
	}
	for service, half := range map[configs.Service]string{
		configs.Submission: "AUTH PLAIN " + plain("alice", "secret"), configs.IMAP: "a LOGIN alice secret",
		configs.POP3S: "PASS secret", configs.Sieve: `AUTHENTICATE "PLAIN" "` + plain("alice", "secret") + `"`,
	} {
		t.Run("half a login, "+string(service), func(t *testing.T) {
			w := open(t)
			c := w.ready(service)
			if c.protocol == "pop3" {
				c.want("USER alice", `\+OK.*`)
			}
			c.send(half)
			closeWrite(c.socket)
			c.rest()
			w.noneReceived("AUTH", "LOGIN ", "PASS")
		})
	}
}

// recorded returns a client in TLS 1.2, whose records show their types, and the
// bytes that it has received since the handshake began.
func (w *world) recorded(service configs.Service) (*client, *bytes.Buffer) {
	w.t.Helper()
	c, records := w.dial(service), &bytes.Buffer{}
	if !service.Implicit() {
		c.greeting()
		c.want(starter[c.protocol], agreed[c.protocol])
	}
	socket := c.socket
	c.socket = tapped{socket, records}
	c.handshake(&tls.Config{ServerName: hostname, MaxVersion: tls.VersionTLS12})
	c.socket = socket
	if service.Implicit() || service == configs.Sieve {
		c.greeting()
	}
	return c, records
}

const alertRecord = 21 // RFC 5246 §6.2.1

// lastRecord returns the type of the last of some records.
func lastRecord(records []byte) (kind byte) {
	for len(records) >= 5 {
		kind = records[0]
		records = records[min(len(records), 5+int(records[3])<<8+int(records[4])):]
	}
	return kind
}

// truncated cuts a message off and checks that it is neither delivered nor
// acknowledged.
func truncated(t *testing.T, start func(*world) *client, command, answer, cut string) {
	w := open(t, func(w *world) {
		for _, service := range []configs.Service{configs.SMTP, configs.Submission} {
			w.listener(service).Received = new(bool) // the header would be text too
			w.back[service].ends = strictEnd
		}
	})
	c := start(w)
	c.envelope()
	c.want(command, answer)
	c.send(cut)
	closeWrite(c.socket)
	if said := c.rest(); strings.Count("\n"+said, "\n250 ") > max(0, strings.Count(cut, "BDAT")-1) {
		t.Errorf("answered %q", said)
	}
	w.stop()
	for _, service := range []configs.Service{configs.SMTP, configs.Submission} {
		b := w.back[service]
		delivered := b.messages()
		if strings.Contains(cut, "BDAT") { // without LAST there is no message
			delivered = slices.DeleteFunc(b.ran(), func(line string) bool { return !strings.HasSuffix(line, "LAST") })
		}
		if len(delivered) > 0 {
			t.Errorf("delivered: %q", delivered)
		}
	}
}
