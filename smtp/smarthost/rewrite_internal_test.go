package smarthost

import (
	"strings"
	"testing"
)

func TestRewriteFrom(t *testing.T) {
	const address = "relay@example.com"
	for header, want := range map[string]string{
		"From: Scanner <root@host.lan>\r\nTo: b@example.net\r\n":                                            "From: \"Scanner\" <relay@example.com>\r\nTo: b@example.net\r\nReply-To: <root@host.lan>\r\n",
		"FROM : root@host.lan\r\nReply-To: c@example.com\r\n":                                               "From: <relay@example.com>\r\nReply-To: c@example.com\r\n",
		"from: Relay@Example.com\r\n":                                                                       "From: <relay@example.com>\r\n",
		"From: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n <a@b.example>\r\nSender: x@y.example\r\n\tmore\r\nTo: z\r\n": "From: =?utf-8?q?Gr=C3=BC=C3=9Fe?= <relay@example.com>\r\nTo: z\r\nReply-To: <a@b.example>\r\n",
		"From: a@b.example, Relay <c@d.example>\r\nFrom: again@b.example\r\n":                               "From: <relay@example.com>\r\nReply-To: <a@b.example>,\r\n <c@d.example>\r\n",
		"From: not an address\r\n":                                                                          "From: <relay@example.com>\r\n",
		"From: =?utf-8?q?a=0D=0ABcc:_x@y.example?= <a@b.example>\r\n":                                       "From: <relay@example.com>\r\n",
		"From: " + strings.Repeat("x", 700) + " <a@b.example>\r\n":                                          "From: <relay@example.com>\r\nReply-To: <a@b.example>\r\n",
		"Subject: From: a\r\n":                                                                              "Subject: From: a\r\n",
		"":                                                                                                  "",
	} {
		if got := string(rewriteFrom([]byte(header), address)); got != want {
			t.Errorf("%q:\n%q, not\n%q", header, got, want)
		}
	}
}

// However a message is divided, only its header changes.
func TestRewriterInParts(t *testing.T) {
	for message, want := range map[string]string{
		"Subject: x\r\nFrom: a@b.example\r\n\r\nFrom: body\r\n.\r\n":  "Subject: x\r\nFrom: <r@example.com>\r\nReply-To: <a@b.example>\r\n\r\nFrom: body\r\n.\r\n",
		"From: a@b.example\r\nno field\r\nFrom: c@d.example\r\n.\r\n": "From: <r@example.com>\r\nReply-To: <a@b.example>\r\nno field\r\nFrom: c@d.example\r\n.\r\n",
		"From: a@b.example\r\n.\r\n":                                  "From: <r@example.com>\r\nReply-To: <a@b.example>\r\n.\r\n",
		"\r\nFrom: body\r\n.\r\n":                                     "\r\nFrom: body\r\n.\r\n",
		".\r\n":                                                       ".\r\n",
	} {
		for size := 1; size <= len(message); size++ {
			r, got := rewriter{address: "r@example.com"}, ""
			for rest := message; rest != ""; {
				n := min(size, len(rest))
				piece := rest[:n]
				rest = rest[n:]
				if r.over {
					got += piece
					continue
				}
				text, err := r.next([]byte(piece[:n/2]), piece[n/2:])
				if err != nil {
					t.Fatal(err)
				}
				got += string(text)
			}
			if got != want {
				t.Fatalf("in parts of %d: %q, not %q", size, got, want)
			}
		}
	}
	r := rewriter{address: "r@example.com"}
	var err error
	for i := 0; i <= maxHeader && err == nil; i += 10 {
		_, err = r.next([]byte("X: 345678\n"), "")
	}
	if err == nil {
		t.Error("an endless header is held in memory")
	}
}

func FuzzRewriter(f *testing.F) {
	f.Add("From: a@b.example\r\nSubject: x\r\n\r\n", "text\r\n.\r\n")
	f.Fuzz(func(t *testing.T, first, second string) {
		r := rewriter{address: "r@example.com"}
		text, err := r.next([]byte(first), second)
		if err != nil {
			return
		}
		if !r.over && len(text) > 0 {
			t.Error("text before the end of the header")
		}
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, ".") && !strings.Contains(first+second, line) {
				t.Errorf("%q makes a line that ends a message: %q", first+second, line)
			}
		}
	})
}
