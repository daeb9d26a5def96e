package e2e

import (
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/e2e/world"
)

// letter creates a message to the server's user, in the form that Courier would
// give it: the other servers do not change it.
func (s *subject) letter() letter {
	l := newLetter(s.who, body, "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 7bit")
	l.Text = strings.NewReplacer("From: <"+l.From+">", "From: "+l.From, "To: <"+l.To+">", "To: "+l.To, "MIME-Version", "Mime-Version").Replace(l.Text)
	return l
}

// imap logs in with STARTTLS and with implicit TLS.
func (s *subject) imap(t *testing.T) string {
	for _, listener := range []string{"imap", "imaps"} {
		c := s.loggedIn(t, listener)
		c.send("b LOGOUT")
		c.readUntil("b OK")
		c.expectEnd()
	}
	return works
}

// put adds a message to the inbox by IMAP.
func (s *subject) put(t *testing.T, l letter) {
	t.Helper()
	c := s.loggedIn(t, "imap")
	c.send(fmt.Sprintf("b APPEND INBOX {%d}", len(l.Text)))
	c.expect("+")
	c.send(l.Text)
	c.readUntil("b OK")
	c.send("c LOGOUT")
	c.readUntil("c OK")
}

// pop3 reads a message, byte for byte.
func (s *subject) pop3(t *testing.T) string {
	for _, listener := range []string{"pop3", "pop3s"} {
		l := s.letter()
		s.put(t, l)
		c := s.loggedIn(t, listener)
		c.send("STAT")
		words := strings.Fields(c.expect("+OK "))
		count, err := strconv.Atoi(words[1])
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		for ; count > 0 && !strings.Contains(text, l.ID); count-- { // not all servers sort messages by age
			text = c.retrieve(count)
		}
		l.sameAs(t, []byte(text))
		c.send("QUIT")
		c.expect("+OK")
		c.expectEnd()
	}
	return works
}

// retrieve reads a message by POP3.
func (c *client) retrieve(number int) string {
	c.t.Helper()
	c.send(fmt.Sprint("RETR ", number))
	c.expect("+OK")
	var text strings.Builder
	for line := c.line(); line != "."; line = c.line() {
		text.WriteString(strings.TrimPrefix(line, ".") + "\n")
	}
	return text.String()
}

// sieve stores a script.
func (s *subject) sieve(t *testing.T) string {
	c := s.loggedIn(t, "sieve")
	c.send(fmt.Sprintf("PUTSCRIPT \"filing\" {%d+}\r\nkeep;", len("keep;")))
	c.readUntil("OK")
	c.send("LISTSCRIPTS")
	if list := c.readUntil("OK"); !strings.Contains(list, `"filing"`) {
		t.Errorf("the scripts are\n%s", list)
	}
	c.send("LOGOUT")
	c.readUntil("OK")
	return works
}

// mail sends a message to smtp, in plaintext and with TLS.
func (s *subject) mail(t *testing.T) string {
	for _, secure := range []bool{false, true} {
		c, _ := dialFrom(t, clientAddress, s.proxy.Address("smtp"))
		c.introduce()
		if secure {
			c.secure()
		}
		s.send(t, c)
	}
	return works
}

// submission sends a message as the user.
func (s *subject) submission(t *testing.T) string {
	for _, listener := range []string{"submission", "submissions"} {
		s.send(t, s.loggedIn(t, listener))
	}
	return works
}

// send sends a message, which must arrive byte for byte.
func (s *subject) send(t *testing.T, c *client) {
	t.Helper()
	l := s.letter()
	c.sendLetter(l)
	c.command("221", "QUIT")
	stored, err := s.Delivered(l.ID)
	if err != nil {
		t.Fatal(err)
	}
	l.sameAs(t, stored)
}

// push checks that an idling session is notified of a message that another
// session adds.
func (s *subject) push(t *testing.T) string {
	c := s.loggedIn(t, "imaps")
	c.send("b SELECT INBOX")
	c.readUntil("b OK")
	c.send("c IDLE")
	c.expect("+")
	l := s.letter()
	s.put(t, l)
	for !strings.HasSuffix(c.line(), " EXISTS") {
		continue
	}
	c.send("DONE")
	c.readUntil("c OK")
	c.send("d FETCH * BODY.PEEK[]")
	_, text, _ := strings.Cut(c.readUntil(")"), "\n")
	l.sameAs(t, []byte(strings.TrimSuffix(text, ")")))
	c.readUntil("d OK")
	return works
}

// clear checks that before TLS a client can only start TLS.
func (s *subject) clear(t *testing.T) string {
	tried := 0
	for _, each := range conversations(s.who) {
		address := s.proxy.Address(each.listener)
		if address == "" {
			continue
		}
		tried++
		t.Run(each.name, func(t *testing.T) {
			c := dial(t, address)
			for _, step := range each.steps {
				if step.send != "" {
					c.send(step.send)
				}
				c.readUntil(step.want)
			}
			c.expectEnd()
		})
	}
	if tried == 0 {
		t.Error("no service was tested")
	}
	return works
}

// wrong logs in with a wrong password. The server itself must refuse it, and the
// log must show that.
func (s *subject) wrong(t *testing.T) string {
	for _, l := range s.listeners() {
		if logins[l.Service] == nil {
			continue
		}
		mark := s.proxy.Log.Mark()
		if _, in := s.login(t, s.proxy, l.Service, newAddress(), account{s.who.Name, "not-the-word"}); in {
			t.Errorf("%s: a wrong password was accepted", l.Service)
		}
		awaitIn(t, s.proxy.Process, mark, "letterlock/"+l.Service+"[", "login failed", "user="+s.who.Name)
	}
	return works
}

// handover checks that the server logs the client's address.
func (s *subject) handover(t *testing.T) string {
	var ways []string
	for _, h := range s.known() {
		t.Run(h.way+" "+h.service, func(t *testing.T) {
			l := s.serve(t, "", world.Listener{Name: h.service, Service: h.service, Backend: s.handoverPort(h), Keys: h.keys()})
			mark := s.Log.Mark()
			if h.service != "smtp" {
				if _, in := s.login(t, l, h.service, clientAddress, s.who); !in {
					t.Fatal("the login is refused")
				}
			} else {
				c, _ := dialFrom(t, clientAddress, l.Address("smtp"))
				c.introduce()
				c.sendLetter(s.letter())
				if h.way != "xforward" { // which does not change who may relay
					s.probed(t, l, "")
				}
			}
			t.Log(awaitIn(t, s.Process, mark, clientAddress))
		})
		if !slices.Contains(ways, h.way) {
			ways = append(ways, h.way)
		}
	}
	if len(ways) == 0 {
		t.Error("the product hands no address over, and gives no reason")
	}
	return strings.Join(ways, ", ")
}

func (s *subject) handoverPort(h handed) int {
	if strings.HasPrefix(h.way, "proxy-") {
		return s.Header(h.port)
	}
	return s.Port(h.port)
}

func (h handed) keys() []string {
	keys := []string{"handover: " + h.way}
	if h.way == "xforward" {
		keys = append(keys, "recipients: [example.com]")
	}
	return keys
}

// probe expects that the probe reports the server's faults and nothing else: on
// smtp, that the server trusts every client that comes from the proxy's
// address.
func (s *subject) probe(t *testing.T) string {
	s.probed(t, s.proxy, s.finds)
	if s.finds == "" {
		return "clean"
	}
	return "trusts the proxy"
}

// probed probes the backends of an instance. The probe must report nothing,
// except on smtp the text in finds.
func (s *subject) probed(t *testing.T, l *world.Letterlock, finds string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), s.w.Program(), "config", "check", "--probe", "--config", l.Config()).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	asked, found := 0, 0
	for line := range strings.Lines(string(out)) {
		switch {
		case s.unclear != "" && strings.Contains(line, s.unclear):
			asked++
		case finds != "" && strings.Contains(line, "warning: smtp backend ") && strings.Contains(line, finds):
			found++
		case strings.Contains(line, " backend ") && (strings.Contains(line, "warning: ") || strings.Contains(line, "DANGER: ")):
			t.Errorf("the probe says %s", line)
		case strings.HasPrefix(line, "probed: "):
			asked++
		}
	}
	if asked+found == 0 || (finds != "") != (found == 1) {
		t.Errorf("the probe's report lacks the expected text:\n%s", out)
	}
}
