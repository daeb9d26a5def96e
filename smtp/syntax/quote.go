package syntax

import "strings"

// MaxPrintable bounds what of another's words goes into one line, in bytes.
const MaxPrintable = 200

// Printable makes others' words fit for one line of a reply, a header or the
// log.
func Printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
	return text[:min(len(text), MaxPrintable)]
}

// MaxLogged bounds what of a reply is logged, in bytes.
const MaxLogged = 1000

// OneLine is a reply as it is logged: the code once, then the text of all
// lines. The enhanced code that is the same in each line stands there once too.
func OneLine(reply string) string {
	first, rest, _ := strings.Cut(reply, "\r\n")
	if len(first) > 3 {
		first = first[:3] + " " + first[4:]
	}
	enhanced := enhancedCode(first)
	text := []string{Printable(first)}
	for line := range strings.SplitSeq(rest, "\r\n") {
		line = strings.TrimPrefix(line[min(4, len(line)):], enhanced)
		if line = strings.TrimSpace(line); line != "" {
			text = append(text, Printable(line))
		}
	}
	joined := strings.Join(text, " ")
	return joined[:min(len(joined), MaxLogged)]
}

// enhancedCode is that of the first line of a reply (RFC 3463), with the blank
// behind it; empty if it has none.
func enhancedCode(first string) string {
	word, _, found := strings.Cut(first[min(4, len(first)):], " ")
	if !found || strings.Count(word, ".") != 2 || strings.Trim(word, "0123456789.") != "" {
		return ""
	}
	return word + " "
}
