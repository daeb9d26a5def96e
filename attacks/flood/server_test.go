//go:build linux

package flood

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/letterlock/letterlock/internal/test/loopback"
)

// server is a backend or next hop that sends fixed replies. From a randomly
// chosen reply of each connection on, a hostile server misbehaves.
type server struct {
	protocol string
	kind     string // empty: honest
	messages atomic.Int64
}

// serve accepts until the listener is closed.
func (s *server) serve(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = conn.Close() }()
			_ = conn.(*net.TCPConn).SetWriteBuffer(64 << 10) // its memory is not the proxy's
			p := &peer{server: s, Conn: conn, in: bufio.NewReaderSize(conn, 1<<10), until: -1}
			if s.kind != "" {
				p.until = rand.IntN(8)
			}
			p.answer(greetings[s.protocol])
			for !p.over {
				p.command()
			}
		}()
	}
}

// peer is a connection of a server.
type peer struct {
	*server
	net.Conn
	in    *bufio.Reader
	until int // replies until it is hostile; negative: never
	over  bool
}

var greetings = map[string]string{
	"smtp":  "220 backend.example ESMTP\r\n",
	"imap":  "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] ready\r\n",
	"pop3":  "+OK ready\r\n",
	"sieve": sieveCapabilities,
}

const sieveCapabilities = "\"IMPLEMENTATION\" \"flood\"\r\n\"SIEVE\" \"fileinto\"\r\n\"SASL\" \"PLAIN\"\r\n\"VERSION\" \"1.0\"\r\nOK\r\n"

// answer sends a reply, or misbehaves instead.
func (p *peer) answer(text string) {
	if p.until == 0 {
		p.misbehave()
		p.over = true
		return
	}
	p.until--
	if _, err := io.WriteString(p.Conn, text); err != nil {
		p.over = true
	}
}

// endless are lines that a reply may contain any number of, for each protocol.
var endless = map[string]string{
	"smtp": "250-" + strings.Repeat("x", 58) + "\r\n", "imap": "* OK " + strings.Repeat("x", 57) + "\r\n",
	"pop3": strings.Repeat("x", 62) + "\r\n", "sieve": `"` + strings.Repeat("x", 58) + "\"\r\n",
}

func (p *peer) misbehave() {
	line := endless[p.protocol]
	switch p.kind {
	case "silent":
		_, _ = io.Copy(io.Discard, p.in)
	case "trickling":
		for i := 0; ; i++ {
			if _, err := p.Write([]byte{line[i%len(line)]}); err != nil {
				return
			}
			time.Sleep(time.Second) // the pace of four thousand connections: as many bytes a second
		}
	case "flooding": // half a megabyte, and then again every ten seconds: more would only use the processor
		for {
			if _, err := io.WriteString(p.Conn, strings.Repeat(line, 8<<10)); err != nil {
				return
			}
			time.Sleep(10 * time.Second)
		}
	}
}

// bulk is the reply to a command that requests much data.
var bulk = strings.Repeat(strings.Repeat("x", 62)+"\r\n", 16<<10)

func (p *peer) command() {
	line, err := p.in.ReadString('\n')
	if err != nil {
		p.over = true
		return
	}
	words := append(strings.Fields(line), "", "", "")
	switch p.protocol {
	case "smtp":
		p.smtp(strings.ToUpper(words[0]), words)
	case "imap":
		p.imap(words[0], strings.ToUpper(words[1]), words)
	case "pop3":
		p.pop3(strings.ToUpper(words[0]))
	case "sieve":
		p.sieve(strings.ToUpper(words[0]), words)
	}
}

func (p *peer) smtp(verb string, words []string) {
	switch verb {
	case "EHLO":
		p.answer("250-backend.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 AUTH PLAIN\r\n")
	case "AUTH":
		if words[2] == "" {
			p.answer("334 \r\n")
			_, _ = p.in.ReadString('\n')
		}
		p.answer("235 2.7.0 OK\r\n")
	case "DATA":
		p.answer("354 go on\r\n")
		for line := ""; line != ".\r\n" && !p.over; {
			var err error
			line, err = p.in.ReadString('\n')
			p.over = p.over || err != nil
		}
		if !p.over {
			p.messages.Add(1)
			p.answer("250 2.0.0 queued\r\n")
		}
	case "QUIT":
		p.answer("221 2.0.0 bye\r\n")
		p.over = true
	default:
		p.answer("250 2.0.0 OK\r\n")
	}
}

func (p *peer) imap(tag, verb string, words []string) {
	switch verb {
	case "CAPABILITY":
		p.answer("* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\r\n" + tag + " OK\r\n")
	case "AUTHENTICATE":
		if words[3] == "" {
			p.answer("+ \r\n")
			_, _ = p.in.ReadString('\n')
		}
		p.answer(tag + " OK\r\n")
	case "FETCH":
		p.answer(fmt.Sprintf("* 1 FETCH (BODY[] {%d}\r\n%s)\r\n%s OK\r\n", len(bulk), bulk, tag))
	case "LOGOUT":
		p.answer("* BYE\r\n" + tag + " OK\r\n")
		p.over = true
	default:
		p.answer(tag + " OK\r\n")
	}
}

func (p *peer) pop3(verb string) {
	switch verb {
	case "CAPA":
		p.answer("+OK\r\nUSER\r\nSASL PLAIN\r\nUIDL\r\n.\r\n")
	case "RETR":
		p.answer("+OK\r\n" + bulk + ".\r\n")
	case "QUIT":
		p.answer("+OK bye\r\n")
		p.over = true
	default:
		p.answer("+OK\r\n")
	}
}

func (p *peer) sieve(verb string, words []string) {
	switch verb {
	case "CAPABILITY":
		p.answer(sieveCapabilities)
	case "AUTHENTICATE":
		if words[2] == "" {
			p.answer("\"\"\r\n")
			_, _ = p.in.ReadString('\n')
		}
		p.answer("OK\r\n")
	case "GETSCRIPT":
		p.answer(fmt.Sprintf("{%d}\r\n%s\r\nOK\r\n", len(bulk), bulk))
	case "LOGOUT":
		p.answer("OK\r\n")
		p.over = true
	default:
		p.answer("OK\r\n")
	}
}

// honestLogin is the argument of PLAIN for an honest user.
var honestLogin = base64.StdEncoding.EncodeToString([]byte("\x00alice\x00secret"))

// serveHostile runs hostile servers: one for each protocol and kind. It writes
// their addresses to the output, and returns at the end of the input.
func serveHostile(in io.Reader, out io.Writer) {
	addresses := map[string]string{}
	for _, k := range kinds {
		if k.server != "backend" {
			continue
		}
		for _, protocol := range []string{"smtp", "imap", "pop3", "sieve"} {
			l, err := net.Listen("tcp", loopback.Host()+":0")
			if err != nil {
				panic(err)
			}
			addresses[protocol+" "+k.name] = l.Addr().String()
			go (&server{protocol: protocol, kind: k.name}).serve(l)
		}
	}
	_ = json.NewEncoder(out).Encode(addresses)
	_, _ = io.Copy(io.Discard, in)
}
