package attacks

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/proxy"
)

// deaf is a backend that agrees to everything until it hears the last line,
// and then says what it has to say and reads no more.
type deaf struct {
	greeting, yes string
	last          string
	flood         []byte
	listener      net.Listener
	running       sync.WaitGroup
	conns         []net.Conn
}

func (d *deaf) start(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.listener = l
	d.running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			d.conns = append(d.conns, conn)
			d.running.Go(func() { d.serve(conn) })
		}
	})
	return l.Addr().String()
}

func (d *deaf) serve(conn net.Conn) {
	_, _ = io.WriteString(conn, d.greeting)
	r := bufio.NewReaderSize(conn, 512)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		tag, _, _ := strings.Cut(line, " ")
		if strings.Contains(line, d.last) {
			break
		}
		_, _ = io.WriteString(conn, strings.ReplaceAll(d.yes, "TAG", tag))
	}
	for {
		if _, err := conn.Write(d.flood); err != nil || len(d.flood) < 1000 {
			return
		}
	}
}

// end cuts everybody off, and waits.
func (d *deaf) end() {
	_ = d.listener.Close()
	d.running.Wait()
}

// A flood holds no more than a stated number of bytes for each session,
// whatever the protocol lets a client begin and not end. Both ends of the
// sessions are in the test, so that what is in TLS counts twice.
func TestFloodHoldsBoundedMemory(t *testing.T) {
	const sessions = 300
	long := strings.Repeat("x", 300<<10)
	for _, test := range []struct {
		name    string
		service configs.Service
		bound   int // KiB for a session
		begin   func(c *client)
	}{
		{"a line without end", configs.Submission, 32, func(c *client) { c.say(long[:12<<10]) }},
		{"half a handshake", configs.IMAPS, 32, func(c *client) { c.say("\x16\x03\x01\x40\x00" + long[:12<<10]) }},
		{"a response without end", configs.Submissions, 96, func(c *client) {
			c.handshake(nil)
			c.say("EHLO a\r\nAUTH PLAIN\r\n" + long[:12<<10])
		}},
		{"half a literal", configs.IMAPS, 160, func(c *client) {
			c.handshake(nil)
			c.say("a LOGIN {8000+}\r\n" + long[:7900])
		}},
		{"a message that nobody takes", configs.SMTP, 224, func(c *client) {
			c.greeting()
			c.want("EHLO a", "250 .*")
			c.want("MAIL FROM:<a@example.org>", "250 .*")
			c.want("RCPT TO:<b@example.com>", "250 .*")
			c.want("DATA", "354 .*")
			_ = c.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
			_, _ = io.WriteString(c.Conn, long+long+long+long)
		}},
		{"mail that nobody reads", configs.IMAP, 320, func(c *client) {
			c.greeting()
			c.upgrade(nil)
			c.want("a LOGIN alice secret", "a OK .*")
			c.say("b FETCH\r\n")
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := map[string]*deaf{
				"smtp": {greeting: "220 legacy\r\n", yes: "250 ok\r\n", last: "DATA", flood: []byte("354 go\r\n")},
				"imap": {greeting: "* OK [CAPABILITY IMAP4rev1 LITERAL+] legacy\r\n", yes: "TAG OK done\r\n", last: "FETCH", flood: []byte(strings.Repeat("* 1 FETCH\r\n", 10000))},
			}[test.service.Protocol()]
			w := open(t, func(w *world) {
				quiet := slog.New(slog.DiscardHandler)
				w.Server.Log, w.seen.SessionLog = quiet, proxy.SessionLog{Log: quiet}
				w.Limits.Connections, w.Limits.ConnectionsPerClient = 2*sessions, 2*sessions
				w.Timeouts.Unauthenticated = time.Hour
				for _, wait := range []*time.Duration{&w.Timeouts.Command, &w.Timeouts.Login, &w.Timeouts.Data, &w.Timeouts.Idle, &w.Timeouts.Handshake} {
					*wait = time.Minute
				}
				w.listener(test.service).Backend = &proxy.Pool{Addresses: []string{d.start(t)}}
			})
			before := memory()
			var begun sync.WaitGroup
			clients := make([]*client, sessions)
			for i := range sessions {
				clients[i] = w.dial(test.service)
			}
			for _, c := range clients {
				begun.Go(func() { test.begin(c) })
			}
			begun.Wait()
			waitFor(t, func() string { return "the flood is not there" }, func() bool { return w.Sessions() == sessions })
			each := (settledMemory() - before) / sessions >> 10
			t.Logf("a session holds %d KiB", each)
			if each > int64(test.bound) {
				t.Errorf("a session holds %d KiB, and may hold %d", each, test.bound)
			}
			for _, c := range clients {
				_ = c.socket.Close()
			}
			w.end()
			d.end()
		})
	}
}

// memory is what is in use of heap and stacks.
func memory() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// settledMemory is memory when it grows no more.
func settledMemory() int64 {
	most := memory()
	for still := 0; still < 5; still++ {
		time.Sleep(20 * time.Millisecond)
		if now := memory(); now > most+most/50 {
			most, still = now, 0
		}
	}
	return most
}
