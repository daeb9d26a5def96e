package record

import (
	"encoding/base64"
	"regexp"
	"slices"
	"strings"
)

// mechanisms are the names that pass behind AUTH or AUTHENTICATE. Any other word may
// be a password in the wrong position.
var mechanisms = words("PLAIN LOGIN CRAM-MD5 CRAM-SHA1 CRAM-SHA256 DIGEST-MD5 SCRAM-SHA-1 SCRAM-SHA-256 SCRAM-SHA-512 " +
	"SCRAM-SHA-1-PLUS SCRAM-SHA-256-PLUS XOAUTH2 OAUTHBEARER EXTERNAL ANONYMOUS GSSAPI NTLM OTP SKEY")

// login begins a SASL exchange. It returns the arguments of the command: the
// mechanism, and the masked initial response if there is one.
func (x *exchange) login(arguments string) string {
	name, initial, given := strings.Cut(arguments, " ")
	x.loggingIn, x.mechanism, x.given = true, strings.ToUpper(strings.Trim(name, `"`)), 0
	if !slices.Contains(mechanisms, x.mechanism) {
		x.mechanism = ""
		return x.unknown(arguments)
	}
	if !given {
		return name
	}
	return name + " " + x.response(initial)
}

// response masks a response of the client. Empty and cancelling ones pass.
func (x *exchange) response(line string) string {
	text := strings.Trim(line, `"`)
	if text == "" || text == "*" || text == "=" {
		return line
	}
	x.given++
	hidden := x.token(text)
	if text != line {
		return `"` + hidden + `"`
	}
	return hidden
}

// token masks a response in base64. The fields of the mechanism other than its secret pass,
// so that the dialog shows the user and can be replayed.
func (x *exchange) token(text string) string {
	decoded, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return x.unknown(text)
	}
	m := x.mechanism
	if strings.HasPrefix(m, "SCRAM-") {
		m = "SCRAM-"
	} else if strings.HasPrefix(m, "CRAM-") {
		m = "CRAM-"
	}
	split := splitters[m]
	if split == nil {
		split = func(int, string) (string, []string) { return standIn, nil }
	}
	shown, hidden := split(x.given, string(decoded))
	if !(m == "LOGIN" && x.given == 1) {
		x.secrets.add(text, strings.TrimRight(text, "="))
	}
	if hidden == nil && shown == standIn {
		x.secrets.add(string(decoded))
	}
	x.secrets.add(hidden...)
	return base64.StdEncoding.EncodeToString([]byte(shown))
}

// splitters return, for each mechanism, what may be shown of its response of a number,
// and the secrets that were removed. A response in another form is hidden as a whole.
var splitters = map[string]func(n int, text string) (shown string, hidden []string){
	"PLAIN": func(_ int, text string) (string, []string) {
		parts := strings.Split(text, "\x00")
		if len(parts) != 3 {
			return standIn, parts
		}
		return parts[0] + "\x00" + parts[1] + "\x00" + standIn, parts[2:]
	},
	"LOGIN": func(n int, text string) (string, []string) {
		if n == 1 {
			return text, []string{}
		}
		return standIn, []string{text}
	},
	"XOAUTH2":     bearer,
	"OAUTHBEARER": bearer,
	"CRAM-": func(_ int, text string) (string, []string) {
		match := cramResponse.FindStringSubmatch(text)
		if match == nil {
			return standIn, strings.Fields(text)
		}
		digest := standInDigest + strings.Repeat("0", 64)
		return match[1] + " " + digest[:len(match[2])], match[2:]
	},
	"SCRAM-": func(_ int, text string) (string, []string) {
		switch first, last := scramFirst.FindStringSubmatch(text), scramLast.FindStringSubmatch(text); {
		case first != nil:
			return first[1] + standIn, first[2:]
		case last != nil:
			return last[1] + standIn + ",p=" + base64.StdEncoding.EncodeToString([]byte(standIn)), last[2:]
		}
		return standIn, strings.Split(text, ",")
	},
}

// standInDigest is the HMAC-MD5 of standIn with the key standIn: the response with
// which the proxy itself answers a masked challenge when the dialog is replayed.
const standInDigest = "c59e8477f19313bac21cd0f999b45210"

var (
	cramResponse = regexp.MustCompile(`^(.*) ([0-9A-Fa-f]{32}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})$`)
	scramFirst   = regexp.MustCompile(`^([ny],(?:a=[^,]*)?,n=[^,]*,r=)([^,]*)$`)
	scramLast    = regexp.MustCompile(`^(c=[^,]*,r=)([^,]*),p=([^,]*)$`)
	bearerPart   = regexp.MustCompile(`^(user|host|port)=[^\x00-\x1f]*$`)
	bearerHead   = regexp.MustCompile(`^n,(a=[^,\x00-\x1f]*)?,$`)
)

// bearer masks a response with an OAuth token.
func bearer(_ int, text string) (shown string, hidden []string) {
	parts := strings.Split(text, "\x01")
	for i, part := range parts {
		switch {
		case part == "", bearerPart.MatchString(part), i == 0 && bearerHead.MatchString(part):
		case strings.HasPrefix(part, "auth=Bearer "):
			hidden = append(hidden, strings.TrimPrefix(part, "auth=Bearer "))
			parts[i] = "auth=Bearer " + standIn
		default:
			hidden = append(append(hidden, part), strings.Fields(part)...)
			parts[i] = standIn
		}
	}
	return strings.Join(parts, "\x01"), hidden
}

// challenge masks a challenge of the server. Empty ones and prompts pass.
func (x *exchange) challenge(line string) string {
	text := strings.Trim(line, `"`)
	decoded, err := base64.StdEncoding.DecodeString(text)
	switch {
	case text == "":
		return line
	case err != nil:
		return masked(line)
	case slices.Contains(prompts, strings.ToLower(strings.TrimRight(string(decoded), ":\x00 "))):
		return line
	}
	hidden := base64.StdEncoding.EncodeToString([]byte(standIn))
	if text != line {
		return `"` + hidden + `"`
	}
	return hidden
}

// prompts are the challenges of LOGIN.
var prompts = []string{"username", "user name", "password"}
