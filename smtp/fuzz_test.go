package smtp

import (
	"bytes"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/letterlock/letterlock/internal/dialog"
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/smtp/syntax"
)

// linesOf returns the lines of one side in the dialogs.
func linesOf(f *testing.F, side byte) (all []string) {
	for _, said := range dialog.Said(f, "testdata/*.dialog", side) {
		for line := range strings.SplitSeq(said, "\r\n") {
			all = append(all, line)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// FuzzCommand checks that a verb consists of letters, and that verb and
// arguments make up the line.
func FuzzCommand(f *testing.F) {
	for _, line := range linesOf(f, 'C') {
		f.Add(line)
	}
	letters := regexp.MustCompile(`^[A-Z]*$`)
	f.Fuzz(func(t *testing.T, line string) {
		if strings.ContainsAny(line, "\r\n\x00") {
			return // package wire refuses such lines
		}
		verb, args := syntax.Command(line)
		if !letters.MatchString(verb) {
			t.Fatalf("read %q, %q", verb, args)
		}
		if verb == "" {
			return
		}
		if again, rest := syntax.Command(verb + " " + args); again != verb || rest != args {
			t.Fatalf("read %q, %q, and then %q, %q", verb, args, again, rest)
		}
		if before, after, _ := strings.Cut(line, " "); !strings.EqualFold(before, verb) || strings.Trim(after, " \t") != args {
			t.Fatalf("read %q, %q", verb, args)
		}
	})
}

// FuzzPath checks that a forwarded path is read as the client's path, by this
// and by another parser.
func FuzzPath(f *testing.F) {
	for _, line := range linesOf(f, 'C') {
		_, args, _ := strings.Cut(line, " ")
		f.Add(args)
	}
	f.Fuzz(func(t *testing.T, args string) {
		if strings.ContainsAny(args, "\r\n\x00") || args != strings.Trim(args, " \t") {
			return // the arguments of a command have no such form
		}
		for verb, keyword := range map[string]string{"MAIL": "FROM", "RCPT": "TO"} {
			p, err := syntax.ParsePath(args, keyword)
			if err != nil {
				continue
			}
			written := strings.TrimPrefix(p.Line(verb+" "+keyword+":"), verb+" ")
			if written != meant(verb, args) {
				t.Fatalf("%q is written %q, and meant %q", args, written, meant(verb, args))
			}
			if again, err := syntax.ParsePath(written, keyword); err != nil || again != p {
				t.Fatalf("read %+v, and then %+v, %v", p, again, err)
			}
			if grammar := grammars[verb]; p.Address != "" && !grammar.MatchString(written) {
				t.Fatalf("no reader could parse %q", written)
			}
			if requires := regexp.MustCompile(`(?i)(^| )REQUIRETLS([ =]|$)`); requires.MatchString(p.Params) != p.Has("REQUIRETLS") {
				t.Fatalf("REQUIRETLS in %q: %v", p.Params, p.Has("REQUIRETLS"))
			}
		}
	})
}

// FuzzChunk checks that an accepted size of BDAT is the size that any reader
// sees.
func FuzzChunk(f *testing.F) {
	for _, seed := range []string{"5", "5 LAST", "005 last", "0", "", "-1", "+1", "0x5", "5  LAST", "5\tLAST", "5 LAST LAST", "99999999999999999999", "1099511627777"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, args string) {
		size, last, ok := parseChunk(args)
		if !ok {
			return
		}
		m := chunkArgs.FindStringSubmatch(strings.Trim(args, " "))
		if m == nil || last != (m[2] != "") || size < 0 || size > maxChunk {
			t.Fatalf("read %d, %v", size, last)
		}
		if n, err := strconv.ParseUint(m[1], 10, 64); err != nil || n != uint64(size) {
			t.Fatalf("read %d, %v", size, err)
		}
	})
}

// FuzzName checks that an accepted name is one word of a line and does not end
// a comment.
func FuzzName(f *testing.F) {
	for _, seed := range []string{"client.example", "[192.0.2.1]", "jörg", "a b", "a)", "a\x7f", "", strings.Repeat("a", 256)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		fit := name != "" && len(name) <= 255 && !strings.ContainsFunc(name, func(c rune) bool { return c < 0x80 && (unicode.IsControl(c) || c == ' ') }) &&
			!strings.ContainsAny(name, `()<>"\;,`)
		if syntax.ValidName(name) != fit {
			t.Fatalf("accepted: %v", syntax.ValidName(name))
		}
	})
}

// FuzzRecipients checks that an accepted address has one domain, and that this
// domain is on the list.
func FuzzRecipients(f *testing.F) {
	for _, seed := range []string{"a@example.com", "a@sub.example.org", "b@example.net", "postmaster", "a%x@example.com", "@a:b@example.com", "a@b@example.com", "a@", "@example.com"} {
		f.Add(seed)
	}
	welcome := Recipients([]string{"example.com", ".example.org", "b@example.net"})
	f.Fuzz(func(t *testing.T, address string) {
		if !welcome(address) || strings.EqualFold(address, "postmaster") {
			return
		}
		local, domain, one := strings.Cut(strings.ToLower(address), "@")
		if !one || local == "" || strings.ContainsAny(local, "%!:") || strings.Contains(domain, "@") {
			t.Fatalf("%q is accepted", address)
		}
		if domain != "example.com" && !strings.HasSuffix(domain, ".example.org") && local+"@"+domain != "b@example.net" {
			t.Fatalf("%q is accepted", address)
		}
	})
}

// FuzzReply checks that an accepted reply is exactly the lines received, all
// with one code, in CRLF and within the bound.
func FuzzReply(f *testing.F) {
	for _, said := range dialog.Said(f, "testdata/*.dialog", 'B') {
		f.Add(said)
	}
	f.Fuzz(func(t *testing.T, text string) {
		g := New(facts(), Options{})
		g.back = backOf(&script{due: *bytes.NewBufferString(text)})
		for {
			r, err := g.readReply()
			if err != nil {
				return
			}
			came := ""
			for range bytes.Count(r.Text, []byte("\n")) {
				line, rest, _ := strings.Cut(text, "\n")
				came, text = came+strings.TrimSuffix(line, "\r")+"\r\n", rest
			}
			if string(r.Text) != came || len(came) > syntax.MaxReply {
				t.Fatalf("%q was received, and was read as %q", came, r.Text)
			}
			a := &account{output: came}
			if again, ok := a.next(); !ok || again.code != r.Code || a.output != "" || r.OK() != (again.code/100 == 2) {
				t.Fatalf("%q is read as %d, and by the reference as %+v (%s)", came, r.Code, again, a.fault)
			}
		}
	})
}

// FuzzCapabilities checks that each line sent to the client is one of the
// backend's, that none offers an extension that the gate does not support, and
// that the gate acts on what it offers.
func FuzzCapabilities(f *testing.F) {
	for _, said := range dialog.Said(f, "testdata/*.dialog", 'B') {
		f.Add(said, true)
	}
	f.Add("250-x\r\n250-auth=plain\r\n250-AUTH PLAIN x-plus GSSAPI EXTERNAL\r\n250-\r\n250 starttls x\r\n", false)
	f.Fuzz(func(t *testing.T, text string, reject bool) {
		g := New(facts(), Options{Auth: OptionalAuth, RejectBareNewline: reject})
		g.back = backOf(&script{due: *bytes.NewBufferString(text)})
		r, err := g.readReply()
		if err != nil {
			return
		}
		c := g.parseCapabilities(r)
		offered := strings.Split(strings.ReplaceAll(string(r.Text), "\r\n", "\n"), "\n")
		for _, line := range c.lines {
			keyword, _, _ := strings.Cut(strings.ToUpper(line), " ")
			_, hide := hidden[keyword]
			if hide || !slices.ContainsFunc(offered, func(o string) bool { return len(o) > 4 && o[4:] == line }) || reject && keyword == "CHUNKING" {
				t.Fatalf("offered %q of %q", line, offered)
			}
		}
		for _, m := range c.mechanisms {
			if !g.s.Mechanisms.Allows(m) || strings.ContainsAny(m, " \r\n") {
				t.Fatalf("offered the mechanism %q", m)
			}
		}
		if c.chunking != slices.ContainsFunc(c.lines, func(l string) bool { k, _, _ := strings.Cut(strings.ToUpper(l), " "); return k == "CHUNKING" }) {
			t.Fatalf("chunks are accepted: %v, and offered is %q", c.chunking, c.lines)
		}
	})
}

// FuzzBeforeTLS checks that before TLS no login is accepted, nothing of a
// backend is sent, and only TLS ends the plaintext step.
func FuzzBeforeTLS(f *testing.F) {
	certs := certificates(f)
	for _, said := range dialog.Said(f, "testdata/*.dialog", 'C') {
		f.Add(said, uint64(0))
		f.Add(said, uint64(7))
	}
	f.Fuzz(func(t *testing.T, text string, seed uint64) {
		c := &caller{text: []byte(text), cut: cutting(seed), certs: certs}
		g, front := New(facts(), Options{RequireTLS: true, Auth: RequireAuth}), c.front()
		err := g.Secure(front)
		if (err == nil) != (front.TLS() != nil) {
			t.Fatalf("TLS is %v, and the error %v", front.TLS() != nil, err)
		}
		g.Refuse(front, gate.ReasonOf(err))
		_ = front.Flush()
		a := &account{output: c.output.String()}
		for r, ok := a.next(); ok; r, ok = a.next() {
			if !slices.Contains([]int{214, 220, 221, 250, 421, 500, 501, 502, 503, 530, 538, 554}, r.code) {
				t.Fatalf("output %+v", r)
			}
		}
		if a.fault != "" || strings.Contains(c.output.String(), "AUTH ") {
			t.Fatalf("output %q: %s", c.output.String(), a.fault)
		}
	})
}

// FuzzBackend checks that no backend causes a panic, an endless session, or a
// positive reply that is not its own.
func FuzzBackend(f *testing.F) {
	certs := certificates(f)
	for _, said := range dialog.Said(f, "testdata/*.dialog", 'B') {
		for handover := range 4 {
			f.Add(strings.ReplaceAll(said, "\r\n", "|"), byte(handover), handover%2 == 0)
		}
	}
	const said = "EHLO a\r\nAUTH PLAIN AGEAYg==\r\nAUTH LOGIN\r\nYQ==\r\nYg==\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nDATA\r\ntext\r\n.\r\n" +
		"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nBDAT 4 LAST\r\ntextNOOP\r\nVRFY a\r\nRSET\r\nQUIT\r\n"
	f.Fuzz(func(t *testing.T, text string, handover byte, implicit bool) {
		back := &script{}
		for reply := range strings.SplitSeq(text, "|") {
			back.replies = append(back.replies, reply+"\r\n")
		}
		back.send()
		s, o := facts(), Options{RequireTLS: implicit, Auth: OptionalAuth}
		s.Handover = []gate.Handover{gate.NoHandover, gate.XCLIENT, gate.XFORWARD, gate.PROXYHeader}[handover%4]
		c := &caller{text: []byte(said), cut: polite, certs: certs}
		err := converse(New(s, o), c, back, implicit)
		output := c.received()
		if gate.ReasonOf(err) == gate.Internal {
			t.Fatalf("ended: %v", err)
		}
		a, said := &account{output: output}, len(yes.FindAllString(text, -1))
		for r, ok := a.next(); ok; r, ok = a.next() {
			own := r.text == "mail.example.com" || strings.HasPrefix(r.text, "mail.example.com ") || r.code == 220 || r.text == "2.0.0 OK" || r.text == "2.0.0 Bye"
			if r.code/100 == 2 && !own {
				said--
			}
		}
		if a.fault != "" || said < 0 {
			t.Fatalf("output %q: %s", output, a.fault)
		}
	})
}

// yes matches the last line of a positive reply.
var yes = regexp.MustCompile(`(?m)(?:^|\|)2[0-9][0-9](?: |\r?$|\|)`)
