package gate

import (
	"errors"
	"os"
	"strconv"
	"strings"
)

// Outcome classifies a backend's answer to a login. Only WrongPassword counts as a
// failed login, which delays and then refuses further attempts.
type Outcome int

// The outcomes.
const (
	Accepted      Outcome = iota
	WrongPassword         // also: no such user, or a refusal without a reason
	Unavailable           // the backend cannot serve logins, or this user, now
	Rejected              // refused for another reason than the password
)

var outcomes = [...]string{"accepted", "wrong-password", "unavailable", "refused"}

// String names the outcome in the log.
func (o Outcome) String() string { return outcomes[o] }

// Answer is a backend's reply to a login.
type Answer struct {
	Outcome
	Code string // of the reply, for the log
}

// OK reports whether the login was accepted.
func (a Answer) OK() bool { return a.Outcome == Accepted }

// HungUp returns the answer of a backend that closed the connection: some do so
// after a wrong password, so it counts as one; otherwise passwords could be
// guessed without limit there. A backend that exceeded its deadline gave no
// answer about the password.
func HungUp(err error) Answer {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return Answer{Unavailable, "timeout"}
	}
	return Answer{WrongPassword, "closed"}
}

// codes are the response codes of IMAP, POP3 and ManageSieve. With any other code,
// the text decides.
var codes = map[string]Outcome{
	// RFC 5530 §3 (IMAP)
	"AUTHENTICATIONFAILED": WrongPassword,
	"UNAVAILABLE":          Unavailable,
	"INUSE":                Unavailable,
	"LIMIT":                Unavailable,
	"SERVERBUG":            Unavailable,
	"OVERQUOTA":            Unavailable,
	"CORRUPTION":           Unavailable,
	"CONTACTADMIN":         Rejected,
	"EXPIRED":              Rejected, // the password is correct, or there is none to compare
	"PRIVACYREQUIRED":      Rejected,
	"AUTHORIZATIONFAILED":  Rejected, // the password is correct, but the user may not act as the authorization identity
	"NOPERM":               Rejected,
	"CLIENTBUG":            Rejected,
	"CANNOT":               Rejected,
	"REFERRAL":             Rejected, // RFC 2221: the mailbox is elsewhere
	"WEBALERT":             Rejected, // Gmail: a login in the browser is due

	// RFC 3206 §4, RFC 2449 §8, RFC 6856 §6 (POP3)
	"AUTH":        WrongPassword,
	"SYS":         Unavailable, // SYS/TEMP and all other codes with SYS/
	"SYS/PERM":    Rejected,
	"IN-USE":      Unavailable,
	"LOGIN-DELAY": Unavailable,
	"UTF8":        Rejected,

	// RFC 5804 §1.3 (ManageSieve)
	"TRYLATER":          Unavailable,
	"QUOTA":             Unavailable, // QUOTA/MAXSIZE and all other codes with QUOTA/
	"AUTH-TOO-WEAK":     Rejected,
	"ENCRYPT-NEEDED":    Rejected,
	"TRANSITION-NEEDED": Rejected,
}

// AnswerCoded reads a reply of IMAP, POP3 or ManageSieve to a user's login: its
// status (NO, -ERR), its response code without brackets and arguments, and its text.
func AnswerCoded(user, status, code, text string) Answer {
	code, text = strings.ToUpper(code), withoutName(text, user)
	a := Answer{Code: loggable(code, status)}
	outcome, known := outcomeOf(code)
	switch {
	case known:
		a.Outcome = outcome
	case code == "ALERT": // a text for the user, on any subject
		a.Outcome = judgeText(text, Rejected)
	default:
		a.Outcome = judgeText(text, WrongPassword)
	}
	return a
}

// HasReason reports whether a response code of IMAP, POP3 or ManageSieve, without
// brackets and arguments, gives the reason for a refusal. A backend that sends one has
// not misread the command.
func HasReason(code string) bool {
	_, known := outcomeOf(strings.ToUpper(code))
	return known
}

func outcomeOf(code string) (outcome Outcome, known bool) {
	if outcome, known = codes[code]; known {
		return outcome, true
	}
	family, _, more := strings.Cut(code, "/")
	if !more {
		return 0, false
	}
	outcome, known = codes[family]
	return outcome, known
}

// loggable returns the code if it is printable and short, or else the status.
func loggable(code, status string) string {
	const longest = 40
	odd := func(c rune) bool { return c <= ' ' || c > '~' }
	if code == "" || len(code) > longest || strings.ContainsFunc(code, odd) {
		return status
	}
	return code
}

// AnswerSMTP reads a reply to a user's AUTH: its code, and its lines without the
// code.
func AnswerSMTP(user string, code int, lines ...string) Answer {
	const accepted = 235
	enhanced, text := cutEnhanced(lines)
	text = withoutName(text, user)
	a := Answer{Code: strings.TrimSpace(strconv.Itoa(code) + " " + enhanced)}
	switch {
	case code == accepted:
	case code/100 == 4:
		a.Outcome = Unavailable // RFC 4954 §4: 432, 454; RFC 5321: 421
	default:
		a.Outcome = refusalSMTP(code, enhanced, text)
	}
	return a
}

// enhancedCodes are the subject and the detail of enhanced status codes (RFC
// 3463 and the registry of RFC 5248) that explain a permanent refusal of a
// login. 5.7.8, for the credentials, is not in the table: Postfix before 3.0
// also sends it if the server that checks them is down, so the text decides.
var enhancedCodes = map[string]Outcome{
	"7.9":  Rejected, // a mechanism too weak
	"7.10": Rejected, // encryption needed
	"7.11": Rejected, // likewise, for this mechanism
	"7.12": Rejected, // a password transition
	"7.13": Rejected, // the account is disabled
	"7.14": Rejected, // trust is required; Gmail: a login in the browser
	"7.15": Rejected, // a priority too low
	"2.1":  Rejected, // the mailbox is disabled
	"2.2":  Unavailable,
}

// enhancedSubjects are the subjects of RFC 3463 §3 whose details all mean the same
// for a login.
var enhancedSubjects = map[string]Outcome{
	"3": Unavailable, // mail system
	"4": Unavailable, // network
	"5": Rejected,    // protocol: a command was wrong
}

// refusalCodes are the reply codes that explain why a login is refused (RFC 4954 §4,
// RFC 5321 §4.2.2). 535 is not here: old servers send it for every reason.
var refusalCodes = map[int]Outcome{
	500: Rejected, 502: Rejected, 503: Rejected, 504: Rejected, // the command
	525: Rejected, 530: Rejected, 534: Rejected, 538: Rejected,
}

func refusalSMTP(code int, enhanced, text string) Outcome {
	class, detail, _ := strings.Cut(enhanced, ".")
	if outcome, ok := enhancedCodes[detail]; ok {
		return outcome
	}
	subject, _, _ := strings.Cut(detail, ".")
	if outcome, ok := enhancedSubjects[subject]; ok {
		return outcome
	}
	if class == "4" && detail != "7.8" {
		return Unavailable
	}
	if outcome, ok := refusalCodes[code]; ok {
		return judgeText(text, outcome)
	}
	return judgeText(text, WrongPassword)
}

// cutEnhanced returns the enhanced status code of a reply, if it has one, and the
// text of all its lines.
func cutEnhanced(lines []string) (enhanced, text string) {
	texts := make([]string, len(lines))
	for i, line := range lines {
		word, rest, _ := strings.Cut(line, " ")
		if !isEnhanced(word) {
			rest = line
		} else if enhanced == "" {
			enhanced = word
		}
		texts[i] = rest
	}
	return enhanced, strings.Join(texts, " ")
}

func isEnhanced(word string) bool {
	parts := strings.Split(word, ".")
	if len(parts) != 3 || parts[0] != "2" && parts[0] != "4" && parts[0] != "5" {
		return false
	}
	for _, part := range parts {
		if part == "" || len(part) > 3 || strings.Trim(part, "0123456789") != "" {
			return false
		}
	}
	return true
}
