package mta

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// visit is a connection to the server, as long as it lasts; then another one.
type visit struct {
	sender *Sender
	secure bool
	conn   net.Conn // nil: none
	in     *bufio.Reader
}

// outcome is how an attempt ends.
type outcome int

const (
	unsent outcome = iota // not all of the text was sent
	refused
	undecided
	acknowledged
)

// patience bounds each attempt.
const patience = 30 * time.Second

// attempt sends a letter once: by DATA or in chunks, command by command or in
// groups, as its number has it.
func (v *visit) attempt(id string, attempt int) outcome {
	if v.conn == nil && !v.arrive() {
		v.leave()
		return unsent
	}
	_ = v.conn.SetDeadline(time.Now().Add(patience))
	way := int(sum(id)) + attempt
	result := v.transact(Text(id), way&1 == 0, way&2 == 0)
	if result == unsent || result == undecided {
		v.leave()
	}
	return result
}

func (v *visit) leave() {
	if v.conn != nil {
		_ = v.conn.Close()
	}
	v.conn = nil
}

// arrive connects and introduces itself.
func (v *visit) arrive() bool {
	conn, err := net.DialTimeout("tcp", v.sender.Address(), patience)
	if err != nil {
		return false
	}
	v.conn, v.in = conn, bufio.NewReader(conn)
	_ = conn.SetDeadline(time.Now().Add(patience))
	if v.hear() != 220 || v.ask("EHLO mta.example.net") != 250 {
		return false
	}
	if !v.secure {
		return true
	}
	if v.ask("STARTTLS") != 220 {
		return false
	}
	t := tls.Client(conn, v.sender.TLS)
	if t.Handshake() != nil {
		return false
	}
	v.conn, v.in = t, bufio.NewReader(t)
	return v.ask("EHLO mta.example.net") == 250
}

// transact is one transaction.
func (v *visit) transact(text string, chunks, group bool) outcome {
	envelope := []string{"MAIL FROM:<sender@example.net>", "RCPT TO:<" + v.sender.To + ">"}
	if group {
		if !v.say(strings.Join(envelope, "\r\n") + "\r\n") {
			return unsent
		}
	}
	for _, line := range envelope {
		if !group && !v.say(line+"\r\n") {
			return unsent
		}
		if v.hear() != 250 {
			return unsent
		}
	}
	if chunks {
		return v.chunks(text)
	}
	if v.ask("DATA") != 354 {
		return unsent
	}
	stuffed := strings.ReplaceAll("\r\n"+text, "\r\n.", "\r\n..")[2:]
	half := len(stuffed) / 2
	if !v.say(stuffed[:half]) {
		return unsent
	}
	v.say(stuffed[half:] + ".\r\n")
	return v.verdict()
}

func (v *visit) chunks(text string) outcome {
	half := len(text) / 2
	if !v.say(fmt.Sprintf("BDAT %d\r\n%s", half, text[:half])) || v.hear() != 250 {
		return unsent
	}
	v.say(fmt.Sprintf("BDAT %d LAST\r\n%s", len(text)-half, text[half:]))
	return v.verdict()
}

func (v *visit) verdict() outcome {
	switch code := v.hear(); {
	case code/100 == 2:
		return acknowledged
	case code == 0 || code == 421:
		return undecided
	}
	return refused
}

func (v *visit) say(text string) bool {
	_, err := io.WriteString(v.conn, text)
	return err == nil
}

func (v *visit) ask(line string) (code int) {
	if !v.say(line + "\r\n") {
		return 0
	}
	return v.hear()
}

// hear is the code of a reply; 0 is none.
func (v *visit) hear() (code int) {
	for {
		line, err := v.in.ReadString('\n')
		if err != nil || len(line) < 4 {
			return 0
		}
		if _, err := fmt.Sscanf(line[:3], "%d", &code); err != nil {
			return 0
		}
		if line[3] != '-' {
			return code
		}
	}
}
