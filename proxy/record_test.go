package proxy

import (
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/record"
)

// answering is a connection to a backend whose reply arrives while the command is
// written.
type answering struct {
	net.Conn
	reply func()
}

func (a answering) Write(p []byte) (int, error) {
	a.reply()
	return len(p), nil
}

func (answering) SetWriteDeadline(time.Time) error { return nil }

// A command is recorded before a reply that arrives before its write has returned.
func TestCommandsAreRecordedBeforeTheirReplies(t *testing.T) {
	r := &record.Recorder{
		Log: slog.New(slog.DiscardHandler), Hostname: func() string { return "mail.example.com" }, Protocol: func(string) string { return "pop3" },
	}
	o := record.Order{Client: netip.MustParsePrefix("192.0.2.0/24"), Sessions: 1, Bytes: 1 << 20, Time: time.Minute, Folder: t.TempDir()}
	if err := r.Start(o); err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	l := &Listener{generation: &Generation{}}
	ses := &session{origin: &origin{recorder: r}, listener: l, info: observe.Session{
		ID: "ID", Client: netip.MustParseAddrPort("192.0.2.1:1000"), Listener: &observe.Listener{Service: "pop3"}, Opened: time.Now(),
	}}
	kept := r.Keep(&ses.info)
	p := pipe{relay: &relay{ses: ses}, direction: toBackend}
	written := false
	p.to = answering{reply: func() {
		written = true
		if dialog, _ := kept.Dialog(record.Facts{}); !strings.Contains(dialog, "B< LIST") {
			t.Errorf("the command is not recorded yet:\n%s", dialog)
		}
	}}
	if err := p.write([]byte("LIST\r\n")); err != nil || !written {
		t.Errorf("written: %t, %v", written, err)
	}
}
