package attacks

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/usage"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// deaf is a backend that accepts all lines until the last one of its script.
// Then it sends a text and reads no more.
type deaf struct {
	greeting, yes string
	last          string
	flood         []byte
	listener      net.Listener
	running       sync.WaitGroup
	conns         []net.Conn
}

func (d *deaf) start(t *testing.T) string {
	l := loopback.Listen(t)
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
	_ = conn.(*net.TCPConn).SetReadBuffer(1)
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

// stop closes all connections and waits.
func (d *deaf) stop() {
	_ = d.listener.Close()
	d.running.Wait()
}

var long = strings.Repeat("x", 300<<10)

// unfinished lists commands, texts and handshakes that a client can begin and
// not complete, and the maximum KiB that such a session may hold. Both ends of
// the sessions are in the test, so the memory of TLS counts twice.
var unfinished = []struct {
	name    string
	service configs.Service
	bound   int64
	start   func(c *client)
}{
	{"a line without end", configs.Submission, 48, func(c *client) { c.send(long[:12<<10]) }},
	{"half a handshake", configs.IMAPS, 48, func(c *client) { c.send("\x16\x03\x01\x40\x00" + long[:12<<10]) }},
	{"a response without end", configs.Submissions, 96, func(c *client) {
		c.handshake(nil)
		c.send("EHLO a\r\nAUTH PLAIN\r\n" + long[:12<<10])
	}},
	{"half a literal", configs.IMAPS, 96, func(c *client) {
		c.handshake(nil)
		c.send("a LOGIN {8000+}\r\n" + long[:7900])
	}},
	{"a message that the backend does not read", configs.SMTP, 224, func(c *client) {
		c.greeting()
		c.writing()
		go func() { _, _ = io.WriteString(c.Conn, long+long+long+long) }() // until the connection ends
	}},
	{"a message that stops", configs.SMTP, 96, func(c *client) {
		c.greeting()
		c.upgrade(nil)
		c.writing()
		c.send(long[:20<<10])
	}},
	{"mail that the client does not read", configs.IMAP, 384, func(c *client) {
		c.greeting()
		c.upgrade(nil)
		c.want("a LOGIN alice secret", "a OK .*")
		c.send("b FETCH\r\n")
	}},
}

// writing sends the commands of a message up to DATA.
func (c *client) writing() {
	c.t.Helper()
	c.want("EHLO a", "250 .*")
	c.want("MAIL FROM:<a@example.org>", "250 .*")
	c.want("RCPT TO:<b@example.com>", "250 .*")
	c.want("DATA", "354 .*")
}

// TestFloodHoldsBoundedMemory checks that a flood uses at most a stated number
// of bytes for each session.
func TestFloodHoldsBoundedMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT RUN with -short: a thousand sessions, whose memory is measured")
	}
	const sessions = 200
	for _, test := range unfinished {
		t.Run(test.name, func(t *testing.T) {
			d := map[string]*deaf{
				"smtp": {greeting: "220 legacy\r\n", yes: "250 ok\r\n", last: "DATA", flood: []byte("354 go\r\n")},
				"imap": {greeting: "* OK [CAPABILITY IMAP4rev1 LITERAL+] legacy\r\n", yes: "TAG OK done\r\n", last: "FETCH", flood: []byte(strings.Repeat("* 1 FETCH\r\n", 10000))},
			}[test.service.Protocol()]
			w := patient(t, test.service, d, sessions)
			before := usage.Memory()
			var clients []*client
			for range sessions {
				c := w.dial(test.service)
				test.start(c)
				clients = append(clients, c)
			}
			wait.Until(t, "the sessions are not open", func() bool { return w.Sessions() == sessions })
			each := (settledMemory() - before) / sessions >> 10
			t.Logf("a session holds %d KiB", each)
			if each > test.bound {
				t.Errorf("a session holds %d KiB, and the maximum is %d", each, test.bound)
			}
			for _, c := range clients {
				_ = c.socket.Close()
			}
			w.stop()
			d.stop()
		})
	}
}

// patient is a world with long timeouts, in front of a deaf backend.
func patient(t *testing.T, service configs.Service, d *deaf, sessions int) *world {
	t.Helper()
	return open(t, func(w *world) {
		quiet := slog.New(slog.DiscardHandler)
		w.logger = quiet
		w.Limits.Connections, w.Limits.ConnectionsPerClient = 2*sessions, 2*sessions
		w.Timeouts.Unauthenticated = time.Hour
		for _, wait := range []*time.Duration{&w.Timeouts.Command, &w.Timeouts.Login, &w.Timeouts.Data, &w.Timeouts.Idle, &w.Timeouts.Handshake} {
			*wait = time.Minute
		}
		w.listener(service).Backend = d.start(t)
	})
}

// settledMemory waits until the memory in use stops growing, and returns it. No
// event marks that, so it samples at a steady pace.
func settledMemory() int64 {
	most := usage.Memory()
	for still := 0; still < 5; still++ {
		time.Sleep(20 * time.Millisecond)
		if now := usage.Memory(); now > most+most/50 {
			most, still = now, 0
		}
	}
	return most
}
