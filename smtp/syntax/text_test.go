package syntax

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/test/mta"
)

// translate processes a text in the given pieces. It returns what is written,
// whether the text was irregular, and what follows its end.
func translate(src []byte, piece func() int) (out []byte, irregular bool, rest []byte, end bool) {
	var t Text
	for len(src) > 0 && !end {
		part := src[:min(len(src), piece())]
		for len(part) > 0 && !end {
			var run []byte
			var tail string
			var used int
			run, tail, used, end = t.Next(part)
			out = append(append(out, run...), tail...)
			part = part[used:]
			src = src[used:]
		}
	}
	return out, t.Irregular, src, end
}

func whole() int { return 1 << 30 }

func checkText(t *testing.T, src []byte, piece func() int) {
	t.Helper()
	out, _, rest, end := translate(src, piece)
	content, wantRest, wantEnd := mta.Meaning(src)
	if end != wantEnd {
		t.Fatalf("%q: ended %v, want %v", src, end, wantEnd)
	}
	if !end {
		return
	}
	if !bytes.Equal(rest, wantRest) {
		t.Fatalf("%q: left %q, want %q", src, rest, wantRest)
	}
	got, gotRest, gotEnd := mta.Meaning(out)
	if !gotEnd || len(gotRest) > 0 || !bytes.Equal(got, content) {
		t.Fatalf("%q: written %q, which means %q, want %q", src, out, got, content)
	}
	if mta.LaxEnds(out) {
		t.Fatalf("%q: written %q, which a lax reader ends early", src, out)
	}
}

func TestTextExamples(t *testing.T) {
	for src, want := range map[string]string{
		".\r\n":                       ".\r\n",
		"a\r\n.\r\n":                  "a\r\n.\r\n",
		"a\r\n..b\r\n.\r\n":           "a\r\n..b\r\n.\r\n",
		"a\r\n.b\r\n.\r\n":            "a\r\n.b\r\n.\r\n",
		"a\n.\nb\r\n.\r\n":            "a\r\n..\r\nb\r\n.\r\n",
		"a\r\n.\nb\r\n.\r\n":          "a\r\n\r\nb\r\n.\r\n",
		"a\r\n.\rb\r\n.\r\n":          "a\r\n\r\nb\r\n.\r\n",
		"a\n.\r\nb\r\n.\r\n":          "a\r\n..\r\nb\r\n.\r\n",
		"a\r.\rb\r\n.\r\n":            "a\r\n..\r\nb\r\n.\r\n",
		"a\r\n\x00.\r\nb\r\n.\r\n":    "a\r\n..\r\nb\r\n.\r\n",
		"a\r\n.\x00\r\nb\r\n.\r\n":    "a\r\n\r\nb\r\n.\r\n",
		"a\r\n.\x00.\r\nb\r\n.\r\n":   "a\r\n..\r\nb\r\n.\r\n",
		"a\r\r\n.\r\n":                "a\r\n\r\n.\r\n",
		"\r\n\r\n.\r\n":               "\r\n\r\n.\r\n",
		"\xff\xfe no UTF-8\r\n.\r\n":  "\xff\xfe no UTF-8\r\n.\r\n",
		"a\r\n.\r\nMAIL FROM:<>\r\n.": "a\r\n.\r\n",
	} {
		out, irregular, _, _ := translate([]byte(src), whole)
		if string(out) != want {
			t.Errorf("%q is written %q, want %q", src, out, want)
		}
		if wantIrregular := len(out) > len(src) || !strings.HasPrefix(src, want); irregular != wantIrregular {
			t.Errorf("%q: irregular %v", src, irregular)
		}
	}
}

// TestTextMeansTheSame tries every short text of relevant bytes, in pieces of
// every size.
func TestTextMeansTheSame(t *testing.T) {
	const alphabet = "\r\n.\x00a"
	for length := range 8 {
		src := make([]byte, length)
		var try func(int)
		try = func(i int) {
			if i == length {
				text := append(bytes.Clone(src), "\r\n.\r\nrest"...)
				checkText(t, text, whole)
				checkText(t, text, func() int { return 1 })
				return
			}
			for _, b := range []byte(alphabet) {
				src[i] = b
				try(i + 1)
			}
		}
		try(0)
	}
}

func TestTextInRandomPieces(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	words := []string{"\r\n", "\n", "\r", ".", "..", "\x00", "word", "a longer line of text", "\r\n.\r\n", "\xff"}
	for range 20000 {
		var src []byte
		for range random.IntN(30) {
			src = append(src, words[random.IntN(len(words))]...)
		}
		src = append(src, "\r\n.\r\n"...)
		checkText(t, src, func() int { return 1 + random.IntN(9) })
	}
}

func FuzzText(f *testing.F) {
	f.Add([]byte("a\r\n.\nb\r\n.\r\n"), 3)
	f.Add([]byte("\r\n\x00.\r\n.\r\nQUIT\r\n"), 1)
	f.Fuzz(func(t *testing.T, src []byte, size int) {
		checkText(t, src, func() int { return 1 + (size&0xff)%7 })
	})
}

func BenchmarkText(b *testing.B) {
	for name, line := range map[string]func(int) int{
		"attachment": func(int) int { return 76 },
		"prose":      func(i int) int { return 50 + i*7%29 },
	} {
		var src []byte
		for i := 0; len(src) < 16<<10; i++ {
			src = append(append(src, bytes.Repeat([]byte("x"), line(i))...), "\r\n"...)
		}
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			for b.Loop() {
				var t Text
				for rest := src; len(rest) > 0; {
					_, _, used, _ := t.Next(rest)
					rest = rest[used:]
				}
			}
		})
	}
}

func TestTextAllocatesNothing(t *testing.T) {
	src := bytes.Repeat([]byte("..a line\r\n"), 1000)
	if n := testing.AllocsPerRun(100, func() {
		var t Text
		for rest := src; len(rest) > 0; {
			_, _, used, _ := t.Next(rest)
			rest = rest[used:]
		}
	}); n != 0 {
		t.Errorf("%v allocations for a text", n)
	}
}
