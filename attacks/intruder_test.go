package attacks

import (
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/letterlock/letterlock/configs"
)

// intruder is a hostile client. It ignores errors.
type intruder struct {
	net.Conn
	socket  *net.TCPConn
	random  *rand.Rand
	service configs.Service
	hello   []byte // a whole ClientHello
}

func (x *intruder) send(text string) { _, _ = io.WriteString(x.Conn, text) }

// receive reads once, within patience.
func (x *intruder) receive(patience time.Duration) {
	_ = x.SetReadDeadline(time.Now().Add(patience))
	_, _ = x.Read(make([]byte, 4096))
}

const moment = 50 * time.Millisecond

// tricks lists the kinds of hostile sessions. Those inside TLS come last.
var tricks = []struct {
	name string
	play func(x *intruder)
}{
	{"nothing", func(*intruder) {}},
	{"garbage", func(x *intruder) { x.send(x.noise(3000)) }},
	{"half a handshake", func(x *intruder) {
		x.requestTLS()
		x.send(string(x.hello[:x.random.IntN(len(x.hello))]))
	}},
	{"a broken handshake", func(x *intruder) {
		x.requestTLS()
		x.send(string(x.hello) + x.noise(300))
		x.receive(moment)
	}},
	{"an injection", func(x *intruder) {
		x.send(starter[x.service.Protocol()] + "\r\n" + harmless[x.service.Protocol()] + "\r\n" + string(x.hello))
	}},
	{"HTTP", func(x *intruder) { x.send("GET / HTTP/1.1\r\nHost: " + hostname + "\r\n\r\n") }},
	{"wrong commands", func(x *intruder) { x.send(strings.Repeat("w WRONG\r\n", 300)) }},
	{"a line without end", func(x *intruder) { x.send(strings.Repeat("x", 100<<10)) }},
	{"a trickle", func(x *intruder) {
		for _, b := range []byte(harmless[x.service.Protocol()]) {
			x.send(string(b))
			time.Sleep(time.Duration(x.random.IntN(8)) * time.Millisecond) // the pace of the trickle
		}
	}},
	{"a flood that is not read", func(x *intruder) {
		_ = x.socket.SetReadBuffer(1)
		_ = x.SetWriteDeadline(time.Now().Add(time.Duration(x.random.IntN(200)) * time.Millisecond))
		x.send(strings.Repeat(harmless[x.service.Protocol()]+"\r\n", 100_000))
	}},
	{"garbage in TLS", func(x *intruder) {
		if x.secure() {
			x.send(x.noise(2000))
		}
	}},
	{"half a login", func(x *intruder) {
		if x.secure() {
			words := login[x.service.Protocol()]
			x.send(words[:x.random.IntN(len(words))])
		}
	}},
	{"a login, and gone", func(x *intruder) {
		if x.secure() {
			x.send(login[x.service.Protocol()])
			x.receive(moment)
		}
	}},
	{"half a message", func(x *intruder) {
		if x.secure() {
			x.send(login[x.service.Protocol()])
			x.receive(moment)
			for line := range strings.SplitAfterSeq(message[x.service.Protocol()], "\n") {
				x.send(line)
				if x.random.IntN(4) == 0 {
					return
				}
				x.receive(moment)
			}
		}
	}},
	{"mail that is not read", func(x *intruder) {
		if x.secure() {
			_ = x.socket.SetReadBuffer(1)
			x.send(login[x.service.Protocol()] + strings.Repeat("f FETCH\r\n", 20))
			time.Sleep(time.Duration(x.random.IntN(100)) * time.Millisecond) // until the client disconnects
		}
	}},
}

// The commands of a login, and of a message after it.
var (
	login = map[string]string{
		"smtp": "EHLO a\r\nAUTH PLAIN " + plain("alice", "secret") + "\r\n", "imap": "a LOGIN {5+}\r\nalice secret\r\n",
		"pop3": "USER alice\r\nPASS secret\r\n", "sieve": "AUTHENTICATE \"PLAIN\" \"" + plain("alice", "secret") + "\"\r\n",
	}
	message = map[string]string{
		"smtp": "MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nBDAT 3\r\nabcBDAT 99\r\nRSET\r\nRSET\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nDATA\r\nSubject: x\r\n\r\n",
		"imap": "b APPEND INBOX {100000}\r\nSubject: x\r\n", "pop3": "RETR 1\r\n", "sieve": "PUTSCRIPT \"x\" {100000+}\r\nkeep;\r\n",
	}
)

func (x *intruder) noise(n int) string {
	b := make([]byte, x.random.IntN(n))
	for i := range b {
		b[i] = byte(x.random.Uint32())
	}
	return string(b)
}

// requestTLS brings the session to the handshake.
func (x *intruder) requestTLS() {
	if !x.service.Implicit() {
		x.receive(patience)
		x.send(starter[x.service.Protocol()] + "\r\n")
		x.receive(patience)
	}
}

func (x *intruder) secure() bool {
	x.requestTLS()
	_ = x.SetDeadline(time.Now().Add(patience))
	t := tls.Client(x.socket, &tls.Config{InsecureSkipVerify: true, ServerName: hostname})
	x.Conn = t
	return t.Handshake() == nil
}

// leave ends the connection in a random way.
func (x *intruder) leave() {
	switch x.random.IntN(4) {
	case 0:
		_ = x.socket.SetLinger(0) // a reset
	case 1:
		_ = x.socket.CloseWrite()
		_ = x.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		_, _ = io.Copy(io.Discard, x.Conn)
	case 2:
		_ = x.Close() // with close_notify, if it is in TLS
	}
	_ = x.socket.Close()
}

// intrude runs a hostile session.
func (x *intruder) intrude(address string, trick func(*intruder)) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(fmt.Sprintf("127.0.66.%d", 1+x.random.IntN(200)))}}
	conn, err := dialer.Dial("tcp", address)
	if err != nil {
		return
	}
	x.Conn, x.socket = conn, conn.(*net.TCPConn)
	_ = conn.SetWriteDeadline(time.Now().Add(patience))
	trick(x)
	x.leave()
}
