package syntax

import "strings"

// MaxPrintable is the maximum length of foreign text in one line, in bytes.
const MaxPrintable = 200

// Printable makes foreign text safe for one line of a reply, a header or the
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

// MaxLogged is the maximum length of a logged reply, in bytes.
const MaxLogged = 1000

// OneLine returns a reply as it is logged: the code once, then the text of all
// lines. An enhanced code that is the same in each line is written once too.
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

// enhancedCode returns the enhanced code of the first line of a reply (RFC
// 3463) with the blank after it, or "".
func enhancedCode(first string) string {
	word, _, found := strings.Cut(first[min(4, len(first)):], " ")
	if !found || strings.Count(word, ".") != 2 || strings.Trim(word, "0123456789.") != "" {
		return ""
	}
	return word + " "
}
