package importer

import (
	"fmt"
	"iter"
	"regexp"
	"strings"
)

// setting is a line of a configuration, or a block of settings.
type setting struct {
	file string
	line int
	name string
	key  string     // the name in lower case
	args []string   // the value, as the format splits it
	body []*setting // those in the block
	used bool       // it is carried over, or a note explains why not
}

// wrong returns an error with the place of the setting.
func (s *setting) wrong(format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", s.file, s.line, fmt.Sprintf(format, args...))
}

// value returns the whole value; empty if there is no setting.
func (s *setting) value() string {
	if s == nil {
		return ""
	}
	return strings.Join(s.args, " ")
}

// arg returns an argument; empty if there is none.
func (s *setting) arg(i int) string {
	if s == nil || i >= len(s.args) {
		return ""
	}
	return s.args[i]
}

// has reports whether an argument is there.
func (s *setting) has(arg string) bool {
	for _, a := range s.args {
		if strings.EqualFold(a, arg) {
			return true
		}
	}
	return false
}

// is reports whether the value is one of these words.
func (s *setting) is(words ...string) bool {
	for _, w := range words {
		if s != nil && strings.EqualFold(s.value(), w) {
			return true
		}
	}
	return false
}

// all returns the settings of a name in a block, and marks them as used.
func (s *setting) all(name string) (found []*setting) {
	if s == nil {
		return nil
	}
	key := strings.ToLower(name)
	for _, c := range s.body {
		if c.key == key {
			c.used = true
			found = append(found, c)
		}
	}
	return found
}

// scope is a block and those that it inherits from, the innermost first.
type scope []*setting

// get returns the setting that counts: the last of its name in the innermost
// block that has one. It is nil if there is none.
func (s scope) get(name string) *setting {
	for _, block := range s {
		if found := block.all(name); len(found) > 0 {
			return found[len(found)-1]
		}
	}
	return nil
}

// all returns the settings of a name in the innermost block that has any.
func (s scope) all(name string) []*setting {
	for _, block := range s {
		if found := block.all(name); len(found) > 0 {
			return found
		}
	}
	return nil
}

// use marks a setting, and all settings in it, as used.
func (s *setting) use() {
	s.used = true
	for _, c := range s.body {
		c.use()
	}
}

// secret matches a word of a setting whose value must not be shown, and the PIN of a
// token.
var secret = regexp.MustCompile(`(?i)(?:password|passwd|secret|psk|nonce|\bpass\b)[^ =]*[ =]|\bpin(?:-value)?[:= ]`)

// withoutSecret cuts a text at the first secret.
func withoutSecret(text string) string {
	if at := secret.FindStringIndex(text); at != nil {
		return text[:at[1]] + "..."
	}
	return text
}

// String is the setting as notes show it: short, and without secrets.
func (s *setting) String() string {
	text := s.name
	for _, a := range s.args {
		text += " " + a
	}
	text = withoutSecret(text)
	const longest = 60
	if runes := []rune(text); len(runes) > longest {
		text = string(runes[:longest]) + "..."
	}
	return strings.TrimSpace(text)
}

// lines numbers the lines of a text, without their ends.
func lines(text []byte) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		number := 0
		for line := range strings.Lines(strings.TrimPrefix(string(text), "\uFEFF")) {
			number++
			if !yield(number, strings.TrimRight(line, "\r\n")) {
				return
			}
		}
	}
}
