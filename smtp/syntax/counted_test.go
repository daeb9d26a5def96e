package syntax

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/letterlock/letterlock/internal/test/mta"
)

// count processes a text in chunks of the given sizes, and returns the result
// of each.
func count(t *testing.T, text *Text, src []byte, size func() int) (chunks []string) {
	t.Helper()
	for first := true; first || len(src) > 0; first = false {
		chunk := src[:min(len(src), size())]
		src = src[len(chunk):]
		ahead := *text
		want := ahead.Length(chunk)
		out := ""
		for len(chunk) > 0 {
			run, tail, used, end := text.Next(chunk)
			if end {
				t.Fatalf("%q has an end at %q", src, chunk)
			}
			out += string(run) + tail
			chunk = chunk[used:]
		}
		if len(out) != want || ahead != *text {
			t.Fatalf("Length is %d bytes, and %q is written", want, out)
		}
		chunks = append(chunks, out)
	}
	if tail, none := text.Finish(), text.Finish(); none == "" {
		return append(chunks, tail)
	}
	t.Fatal("a text has two ends")
	return nil
}

// checkCounted checks that a counted text is normalised, and that no CRLF is
// divided between two chunks. Binary text is unchanged.
func checkCounted(t *testing.T, src []byte, size func() int) {
	t.Helper()
	text := Text{Form: Counted}
	want, out := mta.Regular(string(src)), ""
	for _, chunk := range count(t, &text, src, size) {
		if mta.Regular(chunk) != chunk {
			t.Fatalf("%q has the chunk %q", src, chunk)
		}
		out += chunk
	}
	if out != want || text.Irregular != (want != string(src)) {
		t.Fatalf("%q is written %q, and irregular is %v", src, out, text.Irregular)
	}
	text = Text{Form: Binary}
	out = ""
	for _, chunk := range count(t, &text, src, size) {
		out += chunk
	}
	if out != string(src) || text.Irregular {
		t.Fatalf("binary, %q is written %q", src, out)
	}
}

// TestCountedTextIsNormalised tries every short text of relevant bytes, in
// chunks of every size.
func TestCountedTextIsNormalised(t *testing.T) {
	const alphabet = "\r\n.\x00a"
	for length := range 7 {
		total := 1
		for range length {
			total *= len(alphabet)
		}
		for n := range total {
			src := make([]byte, length)
			for i := range src {
				src[i], n = alphabet[n%len(alphabet)], n/len(alphabet)
			}
			for size := range length + 1 {
				checkCounted(t, src, func() int { return size + 1 })
			}
		}
	}
}

func TestCountedTextInRandomChunks(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	words := []string{"\r\n", "\r\n", "\n", "\r", ".", "\x00", "word", "a longer line of text", "\r\n.\r\n", "\xff"}
	for range 20000 {
		var src []byte
		for range random.IntN(30) {
			src = append(src, words[random.IntN(len(words))]...)
		}
		checkCounted(t, src, func() int { return 1 + random.IntN(9) })
	}
}

func FuzzCounted(f *testing.F) {
	f.Add([]byte("a\r\n.\nb\r\n.\r\n"), 3)
	f.Add([]byte("\r\n\x00.\r\r\n"), 1)
	f.Fuzz(func(t *testing.T, src []byte, size int) {
		checkCounted(t, src, func() int { return 1 + (size&0xff)%7 })
	})
}

// BenchmarkCounted is BenchmarkText for a text in chunks, half of whose reads
// end within a line end.
func BenchmarkCounted(b *testing.B) {
	src := bytes.Repeat([]byte("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\r\n"), 256)
	half := len(src) - 1
	b.SetBytes(int64(2 * len(src)))
	for b.Loop() {
		t := Text{Form: Counted}
		for _, part := range [][]byte{src[:half], src[half:], src} {
			for rest := part; len(rest) > 0; {
				_, _, used, _ := t.Next(rest)
				rest = rest[used:]
			}
		}
	}
}
