package probe

import (
	"regexp"
	"strings"
)

// verdict is what a reply says about relaying. Of several, the greatest counts.
type verdict int

const (
	wrongRecipient verdict = iota // refused for the recipient's domain or its form: others may be relayed to
	refused                       // the backend does not relay, or not without a login
	wrongSender                   // refused for the sender: others may relay
	undecided                     // refused for now, for the client, or for a reason that is not known
	accepted
)

// status finds an enhanced status code (RFC 3463), without its class.
var status = regexp.MustCompile(`\b[245]\.(\d{1,3}\.\d{1,3})\b`)

// subjects are the enhanced status codes that tell a refusal's reason
// (RFC 3463, RFC 4954, RFC 7372, RFC 7505).
var subjects = map[string]verdict{
	"1.2": wrongRecipient, "1.3": wrongRecipient, "1.10": wrongRecipient,
	"1.7": wrongSender, "1.8": wrongSender, "7.23": wrongSender, "7.27": wrongSender,
	"7.24": undecided, "7.25": undecided,
}

// words tell a refusal's reason, in this order, where a code does not: those of
// Postfix, Exim, Sendmail, qmail, Courier, OpenSMTPD and Exchange.
var words = []struct {
	verdict
	any []string
}{
	{undecided, []string{"client host", "blocked", "blacklist", "blocklist", "helo command", "greylist", "graylist", "starttls", "temporarily"}},
	{refused, []string{"relay", "authentication required", "authenticate", "auth first", "rcpthosts"}},
	{wrongSender, []string{"sender", "spf", "null reverse", "from address"}},
	{wrongRecipient, []string{"nullmx", "null mx", "domain not found", "does not accept mail", "unrouteable", "unroutable", "no such domain", "domain literal", "host not found", "host unknown"}},
}

// judgeRCPT judges the reply to RCPT.
func (v *visit) judgeRCPT(r reply, sender, recipient string) verdict {
	if r.ok() {
		return accepted
	}
	text := v.ownWords(r, sender, recipient)
	switch {
	case v.Submission && strings.Contains(text, "access denied"): // Postfix's permit_sasl_authenticated, reject
		return refused
	case sender != "" && strings.Contains(strings.ToLower(r.text), strings.ToLower(sender)):
		return wrongSender
	case r.code == 530 && !strings.Contains(text, "starttls"):
		return refused
	}
	if found, ok := reason(text); ok {
		return found
	}
	switch {
	case r.code == 501:
		return wrongRecipient
	case r.code/100 == 5 && !r.isSyntax():
		return refused
	}
	return undecided
}

// ownWords is the text of a reply in lower case without the names and addresses
// that we have said: most replies repeat them, and there may be a telling word in
// them.
func (v *visit) ownWords(r reply, sender, recipient string) string {
	_, domain, _ := strings.Cut(sender, "@")
	text := strings.ToLower(r.text)
	for _, said := range []string{recipient, sender, v.Hostname, domain, "relay-test"} {
		if said != "" {
			text = strings.ReplaceAll(text, strings.ToLower(said), "")
		}
	}
	return text
}

// judgeMAIL judges a refusal of MAIL, which is one of the sender unless it says
// more.
func (v *visit) judgeMAIL(r reply, sender string) verdict {
	text := v.ownWords(r, sender, "")
	switch found, ok := reason(text); {
	case r.code == 530 && !strings.Contains(text, "starttls"):
		return refused
	case ok && found != wrongRecipient:
		return found
	case r.code/100 == 5 && !r.isSyntax():
		return wrongSender
	}
	return undecided
}

// forNow is the verdict where the null sender is refused for now: there is no
// other like it, so that its relaying is not decided.
func (v verdict) forNow(r reply, sender string) verdict {
	if v == wrongSender && sender == "" && r.code/100 == 4 {
		return undecided
	}
	return v
}

// reason finds the reason of a refusal in its code or its words.
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

// refusesClient reports whether a refusal of XCLIENT is one of the client that
// it names, and not of the command.
func refusesClient(r reply) bool {
	code := status.FindStringSubmatch(r.text)
	own := code != nil && (code[1] == "7.0" || strings.HasPrefix(code[1], "5.")) // Postfix: insufficient authorization; bad syntax
	return r.code/100 == 5 && !r.isSyntax() && !own
}

// temporary are the response codes of IMAP (RFC 5530), POP3 (RFC 2449, RFC
// 3206) and ManageSieve (RFC 5804) that judge no password and no command.
var temporary = []string{
	"[UNAVAILABLE", "[LIMIT", "[INUSE", "[SERVERBUG", "[CONTACTADMIN",
	"[SYS/", "[IN-USE", "[LOGIN-DELAY", "(TRYLATER", "(QUOTA",
}

// isTemporary reports whether a refusal leaves open what the backend would say
// at another time.
func isTemporary(line string) bool {
	line = strings.ToUpper(line)
	for _, code := range temporary {
		if strings.Contains(line, code) {
			return true
		}
	}
	return strings.HasPrefix(line, "BYE")
}
