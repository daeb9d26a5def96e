package record

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Facts describe the session of a conversation.
type Facts struct {
	ID, Hostname string
	Handover     string   // the dialog's name of the handover; empty: none
	About        []string // sentences about the session
	Texts        bool     // message texts are not masked
}

// Dialog returns the conversation as a dialog that can be replayed, and as a text with
// times for people.
func (c *Conversation) Dialog(f Facts) (dialog, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.secrets.sort()
	steps := make([]step, len(c.steps))
	for i, s := range c.steps {
		s.text = c.secrets.remove(s.text)
		steps[i] = s
	}
	return c.replayable(f, steps), c.readable(f, steps)
}

// head returns the beginning of both texts.
func (c *Conversation) head(f Facts) string {
	var b strings.Builder
	for _, sentence := range f.About {
		b.WriteString("# " + c.secrets.remove(printable(sentence)) + "\n")
	}
	if f.Texts {
		b.WriteString("# Passwords and tokens are masked.\n")
	} else {
		b.WriteString("# Passwords, tokens and the texts of messages are masked.\n")
	}
	return b.String()
}

// rest ends a conversation that was longer than its limit.
const rest = "# The rest is not recorded: the limit of bytes is reached.\n"

// replayable writes the steps as a dialog, with the names that dialogs have.
func (c *Conversation) replayable(f Facts, steps []step) string {
	var b strings.Builder
	b.WriteString(c.head(f))
	if f.Handover != "" {
		b.WriteString("option: handover " + f.Handover + "\n")
	}
	if c.backendTLS > 0 {
		b.WriteString("option: backend starttls\n")
	}
	if c.implicit() {
		b.WriteString("tls: implicit\n")
		steps = steps[1:]
	}
	names := strings.NewReplacer(f.names()...)
	clientGone, backendGone := false, false
	for _, s := range steps {
		clientGone = clientGone || s.verb == "C! close"
		backendGone = backendGone && s.verb != "B! next" || s.verb == "B! close"
		if clientGone && s.verb == "S" || backendGone && (s.verb == "B<" || s.verb == "B~") {
			continue // a dialog closes both halves
		}
		s.text = names.Replace(s.text)
		b.WriteString(s.String() + "\n")
	}
	if c.cut {
		b.WriteString(rest)
	}
	return b.String()
}

// implicit reports whether the session began with TLS.
func (c *Conversation) implicit() bool { return len(c.steps) > 0 && c.steps[0].verb == "TLS" }

// names are pairs of a name of the session, and the one that it has in a dialog.
func (f Facts) names() (pairs []string) {
	if f.ID != "" {
		pairs = append(pairs, f.ID, "ID")
	}
	if f.Hostname != "" {
		pairs = append(pairs, f.Hostname, "mail.example.com")
	}
	return pairs
}

// directions name the sides in the text for people.
var directions = map[string]string{
	"C": "client > proxy  ", "S": "client < proxy  ", "B<": "         proxy > backend ", "B~": "         proxy > backend ", "B>": "         proxy < backend ",
}

// readable writes the steps with the time since the beginning.
func (c *Conversation) readable(f Facts, steps []step) string {
	var b strings.Builder
	b.WriteString(c.head(f))
	for _, s := range steps {
		text := printable(s.text)
		if s.fill > 0 {
			text = sized(s.fill) + text
		}
		direction := directions[s.verb]
		if direction == "" {
			text = s.verb
		}
		fmt.Fprintf(&b, "%9.3fs %s%s\n", s.at.Sub(c.begun).Seconds(), direction, text)
	}
	if c.cut {
		b.WriteString(rest)
	}
	return b.String()
}

// String returns the line of the dialog. Bytes that are not printable ASCII are
// escaped.
func (s step) String() string {
	switch s.verb {
	case "B~":
		return "B~ " + s.text
	case "C", "S", "B<", "B>":
	default:
		return s.verb
	}
	fill := ""
	if s.fill > 0 {
		fill = "${x*" + strconv.Itoa(s.fill) + "}"
	}
	exact := !unprintable.MatchString(s.text) && !strings.Contains(s.text, "${")
	colon := ":"
	if s.verb[0] == 'B' {
		colon = ""
	}
	switch {
	case exact && !s.part:
		return s.verb + colon + " " + fill + s.text
	case s.verb == "C" || s.verb == "B>":
		end := `\r\n`
		if s.part {
			end = ""
		}
		return s.verb[:1] + "| " + fill + strings.ReplaceAll(quoted(s.text), "${", `\x24{`) + end
	case s.part:
		return "# " + s.verb + " " + fill + quoted(s.text)
	}
	return s.verb[:1] + "~ " + fill + pattern(s.text)
}

// printable returns a text as it may be shown: quoted, if it holds anything but
// printable ASCII.
func printable(text string) string {
	if unprintable.MatchString(text) {
		return quoted(text)
	}
	return text
}

// quoted returns a text as in a Go string, in ASCII.
func quoted(text string) string {
	inQuotes := strconv.QuoteToASCII(text)
	return strings.ReplaceAll(inQuotes[1:len(inQuotes)-1], `\"`, `"`)
}

var unprintable = regexp.MustCompile(`[^ -~]+`)

// pattern returns a regular expression in printable ASCII that matches a text.
func pattern(text string) string {
	return unprintable.ReplaceAllString(regexp.QuoteMeta(text), ".*")
}
