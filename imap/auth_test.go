package imap

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/test/gatetest"
)

// account is a backend with one user, demo, whose password is demo.
type account struct {
	server
	exchange string // the tag of the SASL exchange that is under way
}

func newAccount() *account {
	a := &account{}
	a.answer = a.reply
	return a
}

func (a *account) reply(cmd command) string {
	if a.exchange != "" {
		tag := a.exchange
		a.exchange = ""
		if cmd.name == "AGRlbW8AZGVtbw==" {
			return tag + " OK Logged in\r\n"
		}
		return tag + " NO no\r\n"
	}
	args := cmd.args
	switch cmd.name {
	case "LOGIN":
		if user, password, ok := args.credentials(); ok && user == "demo" && password == "demo" {
			return cmd.tag + " OK Logged in\r\n"
		}
		return cmd.tag + " NO no\r\n"
	case "AUTHENTICATE":
		if _, initial, ok := args.mechanism(); !ok || initial != "" {
			return cmd.tag + " NO no\r\n"
		}
		a.exchange = cmd.tag
		return "+ \r\n"
	case "ID", "CAPABILITY", "LOGOUT":
		return cmd.tag + " OK done\r\n"
	}
	return cmd.tag + " BAD what\r\n"
}

const (
	plus  = "* OK [CAPABILITY IMAP4rev1 ID LITERAL+ SASL-IR AUTH=PLAIN AUTH=LOGIN AUTH=CRAM-MD5] hi"
	minus = "* OK [CAPABILITY IMAP4rev1 ID AUTH=PLAIN AUTH=LOGIN AUTH=CRAM-MD5] hi"
)

func token(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// TestObserver checks that the observer receives the logins and their results,
// and nothing if no login was tried.
func TestObserver(t *testing.T) {
	client := clientSending("a LOGIN alice secret\r\n"+
		"b AUTHENTICATE PLAIN "+token("\x00bob\x00secret")+"\r\n"+
		"c AUTHENTICATE CRAM-MD5\r\n*\r\n"+
		"d AUTHENTICATE LOGIN\r\n"+token("carol")+"\r\n"+
		"e AUTHENTICATE PLAIN\r\n"+token("\x00demo\x00demo")+"\r\n", 99)
	s := gatetest.Session(9)
	if _, err := settled(s, client, &newAccount().server, plus); err != nil {
		t.Fatal(err)
	}
	watch := s.Observer.(*gatetest.Observer)
	if want := []string{"alice LOGIN no", "bob PLAIN no", "demo PLAIN yes"}; !slices.Equal(watch.Logins, want) {
		t.Errorf("logins %q, want %q", watch.Logins, want)
	}
	if want := []string{"alice", "bob", "demo"}; !slices.Equal(watch.Admitted, want) {
		t.Errorf("admitted %q, want %q", watch.Admitted, want)
	}
}

// TestAdmitLateName checks that the user is admitted by the second response if
// the first is empty.
func TestAdmitLateName(t *testing.T) {
	steps := 0
	back := &server{}
	back.answer = func(cmd command) string {
		if steps++; steps < 3 {
			return "+ \r\n"
		}
		return "L1 NO no\r\n"
	}
	s := gatetest.Session(1)
	_, err := settled(s, clientSending("a AUTHENTICATE PLAIN =\r\n"+token("\x00bob\x00secret")+"\r\n", 99), back, minus)
	if gate.ReasonOf(err) != gate.LoginRefused {
		t.Fatal(err)
	}
	if got := s.Observer.(*gatetest.Observer).Admitted; !slices.Equal(got, []string{"bob"}) {
		t.Errorf("admitted %q", got)
	}
}

// TestNotAdmitted checks that no secret of a user who is not admitted reaches
// the backend.
func TestNotAdmitted(t *testing.T) {
	for _, login := range []string{"a LOGIN joe secret", "a AUTHENTICATE PLAIN " + token("\x00joe\x00secret"), "a AUTHENTICATE PLAIN\r\n" + token("\x00joe\x00secret")} {
		s := gatetest.Session(9)
		s.Observer = &gatetest.Observer{Full: true}
		back := newAccount()
		client := clientSending(login+"\r\n", 99)
		if _, err := settled(s, client, &back.server, plus); gate.ReasonOf(err) != gate.LoginRefused {
			t.Errorf("%q: %v", login, err)
		}
		if received := fmt.Sprint(back.received); strings.Contains(received, "joe") || strings.Contains(received, token("\x00joe\x00secret")) {
			t.Errorf("%q: the backend received %s", login, received)
		}
		if !strings.HasSuffix(client.Output.String(), "a NO [AUTHENTICATIONFAILED] Authentication failed\r\n") {
			t.Errorf("%q: output %q", login, client.Output.String())
		}
	}
}

// TestRefusedBeforeTLS checks that every login before TLS is refused and
// reported, without a secret or a "+" in the reply.
func TestRefusedBeforeTLS(t *testing.T) {
	client := clientSending("a LOGIN joe secret\r\nb login {3+}\r\njoe {6+}\r\nsecret\r\nc AUTHENTICATE PLAIN\r\n"+
		"d authenticate plain "+token("\x00joe\x00secret")+"\r\ne LOGOUT\r\n", 5)
	s := gatetest.Session(9)
	if err := New(s).Secure(client.Front()); gate.ReasonOf(err) != gate.Done {
		t.Fatal(err)
	}
	if want := []string{"LOGIN", "LOGIN", "AUTHENTICATE", "AUTHENTICATE"}; !slices.Equal(s.Observer.(*gatetest.Observer).RefusedPlaintext, want) {
		t.Errorf("refused %q, want %q", s.Observer.(*gatetest.Observer).RefusedPlaintext, want)
	}
	if output := client.Output.String(); strings.Contains(output, "\r\n+ ") || strings.Contains(output, "secret") {
		t.Errorf("output %q", output)
	}
}

// TestBackendReadsTheSameLogin checks that the backend reads the credentials that the
// gate has read, in every form.
func TestBackendReadsTheSameLogin(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, greeting := range []string{plus, minus} {
		for range 500 {
			user, password := credential(random), credential(random)
			line := "a LOGIN " + write(random, user) + " " + write(random, password) + crlf
			back := newAccount()
			client := clientSending(line, 1+random.IntN(20))
			_, _ = settled(gatetest.Session(1), client, &back.server, greeting)
			if len(back.received) != 1 {
				t.Fatalf("%q: the backend received %+v", line, back.received)
			}
			gotUser, gotPassword, ok := back.received[0].args.credentials()
			if !ok || gotUser != user || gotPassword != password {
				t.Fatalf("%q: the backend read %q %q", line, gotUser, gotPassword)
			}
		}
	}
}

func credential(random *rand.Rand) string {
	const letters = "ab\"\\ {}+*%()]é\x01\t\x7f5"
	var s strings.Builder
	for range random.IntN(8) {
		s.WriteByte(letters[random.IntN(len(letters))])
	}
	return s.String()
}

// write returns a string in one of its forms.
func write(random *rand.Rand, s string) string {
	switch random.IntN(4) {
	case 0:
		return fmt.Sprintf("{%d+}\r\n%s", len(s), s)
	case 1:
		return fmt.Sprintf("{%d}\r\n%s", len(s), s) // the "+" is not waited for
	case 2:
		if isAtom(s) {
			return s
		}
	}
	return quote(s)
}

// TestNoLiteralIsACommand checks that no byte of a literal is read as a
// command, in any pieces, before TLS and after it, and that the command after
// it is not lost.
func TestNoLiteralIsACommand(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	bait := []string{"x NOOP\r\n", "\r\nx LOGOUT\r\n", "x LOGIN demo demo\r\n", "x ID NIL\r\n", "x LOGIN {3+}\r\n", "\"{9+}\r\n", "x CAPABILITY\r\n"}
	for range 2000 {
		var text strings.Builder
		for i := range 4 {
			first, second := bait[random.IntN(len(bait))], bait[random.IntN(len(bait))]
			fmt.Fprintf(&text, "a%d LOGIN {%d+}\r\n%s {%d+}\r\n%s\r\nb%d NOOP\r\n", i, len(first), first, len(second), second, i)
		}
		text.WriteString("end LOGOUT\r\n")
		for _, secure := range []bool{false, true} {
			client := clientSending(text.String(), 1)
			client.Piece = func() int { return 1 + random.IntN(30) }
			back := newAccount()
			var err error
			if secure {
				_, err = settled(gatetest.Session(9), client, &back.server, plus)
			} else {
				err = New(gatetest.Session(9)).Secure(client.Front())
			}
			if gate.ReasonOf(err) != gate.Done {
				t.Fatalf("%q: %v", text.String(), err)
			}
			output := client.Output.String()
			if strings.Contains(output, "\r\nx ") || strings.Count(output, " OK NOOP") != 4 || strings.Count(output, "\r\na") != 4 {
				t.Fatalf("%q\ngot\n%s", text.String(), output)
			}
			if len(back.received) > 1 { // LOGOUT
				t.Fatalf("the backend received %+v", back.received)
			}
		}
	}
}

// TestEchoIsNotLogged checks that a password that the backend repeats in a
// reply does not get into the log.
func TestEchoIsNotLogged(t *testing.T) {
	for name, answer := range map[string]func(cmd command) string{
		"line": func(cmd command) string { return cmd.tag + " LOGIN \"joe\" \"secret\"\r\n" },
		"data": func(command) string { return "* X secret {99999999999}\r\n" },
		"BYE":  func(command) string { return "* BYE secret\r\n" },
	} {
		back := &server{answer: answer}
		_, err := settled(gatetest.Session(9), clientSending("a LOGIN joe secret\r\n", 99), back, plus)
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
