package configs

import "strings"

// Notify holds the notice to users whose TLS a stricter policy would refuse.
type Notify struct {
	// The policy that would refuse them, as in `letterlock whatif --policy`.
	// Default: none, and no notices.
	Policy string `yaml:"policy" example:"modern"`

	// The text that mail programs show after a login, at most once a day on
	// each device: printable ASCII, at most 200 characters.
	Text string `yaml:"text" default:"Your mail program uses outdated encryption and will soon be refused. Please update it, or ask your administrator."`
}

// maxNotice is the length of a notice in characters. Mail programs show it in a
// small window.
const maxNotice = 200

// checkNotify: a notice is the text of a response (RFC 9051 §9, resp-text). Before
// IMAP4rev2 that is ASCII.
func checkNotify(c *Config, _ Machine, r report) {
	at, n := r.in("notify"), c.Notify
	if n.Policy != "" {
		if _, err := c.NamedPolicy(n.Policy); err != nil {
			at.in("policy").oneOf("policy", n.Policy, c.PolicyNames())
		}
	}
	isPrintable := func(c rune) bool { return c >= ' ' && c <= '~' }
	switch text := n.Text; {
	case text == "" || len(text) > maxNotice || strings.ContainsFunc(text, func(c rune) bool { return !isPrintable(c) }):
		at.in("text").wrong("write a sentence of at most 200 characters in ASCII", "this is no text of an IMAP response")
	case n.Policy == "" && at.in("text").given():
		at.in("text").misplaced("write policy: beside it, such as modern, or remove text", "without policy no user gets a notice")
	}
}
