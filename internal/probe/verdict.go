package probe

import (
	"regexp"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/mailclient"
)

// verdict is the meaning of a reply for relaying. Of several verdicts, the greatest
// counts.
type verdict int

const (
	wrongRecipient verdict = iota // the recipient's domain or form is refused: the backend may relay to others
	refused                       // the backend does not relay, or not without a login
	wrongSender                   // the sender is refused: the backend may relay for others
	undecided                     // refused temporarily, because of the client, or for an unknown reason
	accepted
)

// status finds an enhanced status code (RFC 3463), without its class.
var status = regexp.MustCompile(`\b[245]\.(\d{1,3}\.\d{1,3})\b`)

// subjects are the enhanced status codes that give the reason for a refusal (RFC
// 3463, RFC 4954, RFC 7372, RFC 7505).
var subjects = map[string]verdict{
	"1.2": wrongRecipient, "1.3": wrongRecipient, "1.10": wrongRecipient,
	"1.7": wrongSender, "1.8": wrongSender, "7.23": wrongSender, "7.27": wrongSender,
	"7.24": undecided, "7.25": undecided,
}

// words are texts that give the reason for a refusal if no code does. The first
// that is found counts. They are those of Postfix, Exim, Sendmail, qmail,
// Courier, OpenSMTPD and Exchange.
var words = []struct {
	verdict
	any []string
}{
	{undecided, []string{"client host", "blocked", "blacklist", "blocklist", "helo command", "greylist", "graylist", "starttls", "temporarily"}},
	{refused, []string{"relay", "authentication required", "authenticate", "auth first", "rcpthosts"}},
	{wrongSender, []string{"sender", "spf", "null reverse", "from address"}},
	{wrongRecipient, []string{"nullmx", "null mx", "domain not found", "does not accept mail", "unrouteable", "unroutable", "no such domain", "domain literal", "host not found", "host unknown", "invalid address"}},
}

// judgeRCPT judges the reply to RCPT.
func (p *prober) judgeRCPT(r mailclient.Reply, sender, recipient string) verdict {
	if r.Positive() {
		return accepted
	}
	text := p.ownWords(r, sender, recipient)
	switch {
	case p.Submission && strings.Contains(text, "access denied"): // Postfix's permit_sasl_authenticated, reject
		return refused
	case sender != "" && strings.Contains(strings.ToLower(r.Text), strings.ToLower(sender)):
		return wrongSender
	case r.Code == 530 && !strings.Contains(text, "starttls"):
		return refused
	}
	if found, ok := reason(text); ok {
		return found
	}
	switch {
	case r.Code == 501:
		return wrongRecipient
	case r.Code/100 == 5 && !isSyntax(r):
		return refused
	}
	return undecided
}

// ownWords returns the text of a reply in lower case, without the names and
// addresses of the command: most replies repeat them, and they may contain one
// of the words.
func (p *prober) ownWords(r mailclient.Reply, sender, recipient string) string {
	_, domain, _ := strings.Cut(sender, "@")
	text := strings.ToLower(r.Text)
	for _, said := range []string{recipient, sender, p.Hostname, domain, "relay-test"} {
		if said != "" {
			text = strings.ReplaceAll(text, strings.ToLower(said), "")
		}
	}
	return text
}

// judgeMAIL judges a refusal of MAIL, which concerns the sender unless its words
// say otherwise.
func (p *prober) judgeMAIL(r mailclient.Reply, sender string) verdict {
	text := p.ownWords(r, sender, "")
	switch found, ok := reason(text); {
	case r.Code == 530 && !strings.Contains(text, "starttls"):
		return refused
	case ok && found != wrongRecipient:
		return found
	case r.Code/100 == 5 && !isSyntax(r):
		return wrongSender
	}
	return undecided
}

// forNow changes the verdict of a temporary refusal of the null sender: there is
// no other sender like it, so that its relaying stays undecided.
func (v verdict) forNow(r mailclient.Reply, sender string) verdict {
	if v == wrongSender && sender == "" && r.Code/100 == 4 {
		return undecided
	}
	return v
}

// reason finds the reason for a refusal in its code or its words.
func reason(text string) (verdict, bool) {
	if code := status.FindStringSubmatch(text); code != nil {
		if found, ok := subjects[code[1]]; ok {
			return found, true
		}
	}
	for _, w := range words {
		for _, word := range w.any {
			if strings.Contains(text, word) {
				return w.verdict, true
			}
		}
	}
	return undecided, false
}

// refusesClient reports whether a refusal of XCLIENT concerns the client that it
// names, and not the command.
func refusesClient(r mailclient.Reply) bool {
	code := status.FindStringSubmatch(r.Text)
	own := code != nil && (code[1] == "7.0" || strings.HasPrefix(code[1], "5.")) // Postfix: insufficient authorization; bad syntax
	return r.Code/100 == 5 && !isSyntax(r) && !own
}

// isTemporary reports whether a backend of IMAP, POP3 or ManageSieve may answer
// differently later.
func isTemporary(line string) bool {
	a, code := refusalIn(line)
	return a.Outcome == gate.Unavailable || code == "CONTACTADMIN" || strings.HasPrefix(code, "SYS/") || hasStatus(line, "BYE")
}

// decidesPassword reports whether a refusal says that the password is wrong. If it
// gives another reason, the backend may accept any password at another time.
func decidesPassword(line, status string) bool {
	a, _ := refusalIn(line)
	return hasStatus(line, status) && a.Outcome == gate.WrongPassword
}

func hasStatus(line, status string) bool {
	return strings.HasPrefix(strings.ToUpper(line), status)
}

// refusalIn reads a refusal of IMAP (RFC 5530), POP3 (RFC 2449, RFC 3206) or
// ManageSieve (RFC 5804), with its response code in upper case.
func refusalIn(line string) (a gate.Answer, code string) {
	status, text, _ := strings.Cut(line, " ")
	for opening, closing := range map[string]string{"[": "]", "(": ")"} {
		if rest, coded := strings.CutPrefix(text, opening); coded {
			code, text, _ = strings.Cut(rest, closing)
		}
	}
	code, _, _ = strings.Cut(strings.ToUpper(code), " ")
	return gate.AnswerCoded("", status, code, text), code
}
