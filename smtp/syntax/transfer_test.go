package syntax

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/test/gatetest"
)

// TestTransfer checks what a transfer writes, and that it leaves the command
// after the text to the gate.
func TestTransfer(t *testing.T) {
	for text, want := range map[string]struct {
		written   string
		irregular bool
	}{
		"a\r\n..b\r\n.\r\n": {"a\r\n..b\r\n.\r\n", false},
		"a\nb\r\n.\r\n":     {"a\r\nb\r\n.\r\n", true},
		".\r\n":             {".\r\n", false},
	} {
		for piece := range 5 {
			front := (&gatetest.Client{Text: []byte(text + "QUIT\r\n"), Piece: func() int { return piece }}).Front()
			var written strings.Builder
			ended := ""
			run := Transfer{Client: front, Ended: func() error { ended = written.String(); return nil }, Write: func(run []byte, tail string) error {
				_, _ = written.Write(run)
				_, _ = written.WriteString(tail)
				return nil
			}}
			irregular, writeErr, err := run.Run()
			if written.String() != want.written || irregular != want.irregular || writeErr != nil || err != nil {
				t.Errorf("%q is written %q, %v, %v, %v", text, written.String(), irregular, writeErr, err)
			}
			if strings.HasSuffix(ended, Dot) || run.Size != int64(len(text)-len(Dot)) {
				t.Errorf("%q: the end comes after %q, and the size is %d", text, ended, run.Size)
			}
			if cmd, err := ReadCommand(front); cmd.Verb != "QUIT" || err != nil {
				t.Errorf("%q: then comes %+v, %v", text, cmd, err)
			}
		}
	}
}

// TestTransferAfterError checks that the rest of a text is read and dropped
// after a failed write, and that an error of Ended or of the client ends the
// transfer.
func TestTransferAfterError(t *testing.T) {
	failed := errors.New("failed")
	client := func(text string) *gatetest.Client {
		return &gatetest.Client{Text: []byte(text), Piece: func() int { return 3 }}
	}
	writes := 0
	write := func([]byte, string) error { writes++; return failed }
	front := client("some\r\ntext\r\n.\r\nQUIT\r\n").Front()
	run := Transfer{Client: front, Write: write, Ended: func() error { return nil }}
	if _, writeErr, err := run.Run(); !errors.Is(writeErr, failed) || err != nil || writes != 1 {
		t.Errorf("after an error: %v, %v, %d writes", writeErr, err, writes)
	}
	if cmd, err := ReadCommand(front); cmd.Verb != "QUIT" || err != nil {
		t.Errorf("then comes %+v, %v", cmd, err)
	}
	run = Transfer{Client: client("a\r\n.\r\n").Front(), Write: write, Ended: func() error { return failed }}
	if _, _, err := run.Run(); !errors.Is(err, failed) {
		t.Errorf("an error of Ended: %v", err)
	}
	run = Transfer{Client: client("a\r\n").Front(), Write: write}
	if _, _, err := run.Run(); gate.ReasonOf(err) != gate.ClientGone {
		t.Errorf("a client that disconnects: %v", err)
	}
}

// TestReadReply checks that a reply has one code and a bounded length.
func TestReadReply(t *testing.T) {
	for text, want := range map[string]error{
		"250 ok\r\n":         nil,
		"250-a\r\n250 b\r\n": nil,
		"250-a\r\n251 b\r\n": ErrReply,
		"250-a\r\nhello\r\n": ErrReply,
		"250-a\r\n":          io.EOF,
		strings.Repeat("250-"+strings.Repeat("x", 500)+"\r\n", MaxReply/500) + "250 x\r\n": ErrReply,
	} {
		back := (&gatetest.Client{Text: []byte(text), Piece: func() int { return 7 }}).Front()
		r, err := ReadReply(back, nil)
		if !errors.Is(err, want) || err == nil && string(r.Text) != text {
			t.Errorf("%.40q is %q, %v; want %v", text, r.Text, err, want)
		}
	}
	r := Reply{Code: 250, Text: []byte("250-mx.example\r\n250-SIZE 10\r\n250\r\n")}
	if got := strings.Join(r.Lines(), "|"); got != "mx.example|SIZE 10|" || !r.OK() {
		t.Errorf("the lines are %q", got)
	}
}
