package probe

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
)

// talker is a backend in memory. It replies to each line with the next of its
// answers.
type talker struct {
	net.Conn
	answers  []string
	due      bytes.Buffer
	received bytes.Buffer
}

func (b *talker) write() {
	if len(b.answers) > 0 {
		b.due.WriteString(b.answers[0])
		b.answers = b.answers[1:]
	}
}

func (b *talker) Read(p []byte) (int, error) { return b.due.Read(p) }

func (b *talker) Write(p []byte) (int, error) {
	for range bytes.Count(p, []byte("\n")) {
		b.write()
	}
	return b.received.Write(p)
}

func (*talker) Close() error                { return nil }
func (*talker) SetDeadline(time.Time) error { return nil }

// FuzzProbe sends the probe random replies. It checks that the probe ends, sends no
// message and only whole lines, and reports a remedy with each finding.
func FuzzProbe(f *testing.F) {
	for protocol, answers := range map[byte]string{
		0: "220 old\r\n|" + ehlo + "|220 old\r\n|" + ehlo + "|250 ok\r\n|250 ok\r\n|250 ok\r\n|250 ok\r\n|250 ok\r\n|235 in\r\n|221 bye\r\n",
		1: "* OK old\r\n|* CAPABILITY IMAP4rev1\r\na1 OK\r\n|c OK\r\n|* ID NIL\r\na1 OK\r\n",
		2: "+OK old [XCLIENT]\r\n|+OK\r\n|+OK\r\n|+OK\r\n",
		3: "\"SASL\" \"PLAIN\"\r\n\"XCLIENT\"\r\nOK\r\n|OK\r\n|\"SASL\" \"PLAIN\"\r\nOK\r\n|OK\r\n",
	} {
		for spoken := range byte(5) {
			f.Add(answers, protocol, spoken)
		}
	}
	f.Fuzz(func(t *testing.T, answers string, protocol, spoken byte) {
		b := &talker{answers: strings.Split(answers, "|")}
		b.write()
		findings, _ := Run(t.Context(), b, Target{
			Protocol: []string{"smtp", "imap", "pop3", "sieve"}[protocol%4], Hostname: "mail.example.com", Login: true,
			Handover: []gate.Handover{gate.NoHandover, gate.XCLIENT, gate.XFORWARD, gate.IMAPID, gate.PROXYHeader}[spoken%5],
		})
		for _, found := range findings {
			if found.Text == "" || found.Remedy == "" {
				t.Errorf("found %+v", found)
			}
		}
		received, err := io.ReadAll(&b.received)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(received)) {
			line, whole := strings.CutSuffix(line, "\r\n")
			if !whole || strings.ContainsAny(line, "\r\n\x00") || strings.HasPrefix(line, "DATA") || strings.HasPrefix(line, "BDAT") {
				t.Fatalf("the backend has received %q", received)
			}
		}
	})
}
