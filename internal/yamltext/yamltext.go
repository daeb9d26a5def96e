// Package yamltext writes parts of YAML: comments in lines of bounded length, and
// strings with the quotes that they need.
package yamltext

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// width bounds a line of a comment, in bytes. A longer word has a line of its own.
const width = 100

// Comment returns a text as a comment, in lines that begin with indent.
func Comment(indent, text string) string {
	var b strings.Builder
	line := indent + "#"
	for word := range strings.FieldsSeq(printable(text)) {
		if len(line)+1+len(word) > width && !strings.HasSuffix(line, "#") {
			b.WriteString(line + "\n")
			line = indent + "#  "
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
	return b.String()
}

// printable replaces characters that could end a comment.
func printable(text string) string {
	return strings.Map(func(c rune) rune {
		if c == ' ' || unicode.IsPrint(c) {
			return c
		}
		return '?'
	}, text)
}

// plain matches strings that need no quotes: they are not numbers, and have no
// character with a meaning in YAML.
var plain = regexp.MustCompile(`^[A-Za-z/][A-Za-z0-9_./@+-]*$`)

var reserved = []string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}

// String returns a string as a scalar.
func String(text string) string {
	switch {
	case plain.MatchString(text) && !slices.Contains(reserved, strings.ToLower(text)):
		return text
	case strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) }):
		return strconv.QuoteToASCII(text)
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}

// Strings returns strings as a sequence in one line.
func Strings(all []string) string {
	quoted := make([]string, len(all))
	for i, a := range all {
		quoted[i] = String(a)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
