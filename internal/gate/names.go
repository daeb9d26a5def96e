package gate

import (
	"encoding/binary"
	"strings"
	"unicode/utf16"

	"github.com/emersion/go-sasl"
)

// reading is the result of reading a user name from a response.
type reading int

const (
	broken   reading = iota // not a response of this mechanism: it must not reach a backend
	named                   // the response contains the user name
	nameless                // the response is valid, and contains no readable name
)

// A reader reads the user name from the client's response number step, counted
// from 1; empty responses at the beginning are not counted. It returns a name
// only if the mechanism's grammar has one at that position. Everything else in
// a response may be a password or a token, and names are written to the log.
type reader func(step int, response string) (name string, r reading)

// once returns the reader of a mechanism with a single response. The backend
// may send a proof, to which the response is empty.
func once(read reader) reader {
	return func(step int, response string) (name string, r reading) {
		switch {
		case step == 1:
			return read(step, response)
		case response == "":
			return "", nameless
		}
		return "", broken
	}
}

// readPlain reads PLAIN (RFC 4616 §2). All three fields are required, and a
// password is never empty: for a client that leaves out the first field, the
// password would be read as the name.
func readPlain(_ int, response string) (name string, r reading) {
	password := ""
	server := sasl.NewPlainServer(func(_, user, secret string) error {
		name, password = user, secret
		return nil
	})
	if _, _, err := server.Next([]byte(response)); err != nil || name == "" || password == "" {
		return "", broken
	}
	if identity, _, _ := strings.Cut(response, "\x00"); breaksLines(identity) {
		return "", broken
	}
	return name, named
}

// readFirst reads mechanisms whose first response is only the name: LOGIN and
// SKEY.
func readFirst(step int, response string) (name string, r reading) {
	switch {
	case step > 1:
		return "", nameless
	case response == "":
		return "", broken
	}
	return response, named
}

// readOTP reads OTP (RFC 2444 §3): the authorization identity, NUL, the user
// name.
func readOTP(step int, response string) (name string, r reading) {
	if step > 1 {
		return "", nameless
	}
	identity, user, ok := strings.Cut(response, "\x00")
	if !ok || user == "" || breaksLines(identity) {
		return "", broken
	}
	return user, named
}

// readCRAM reads CRAM-MD5 (RFC 2195 §2) and the similar CRAM-SHA1 and
// CRAM-SHA256 of Courier: the name, a space and a digest with the mechanism's
// number of hexadecimal digits. Without a digest the words may be a password.
func readCRAM(digits int) reader {
	return func(_ int, response string) (name string, r reading) {
		i := strings.LastIndexByte(response, ' ')
		if i < 1 || len(response)-i-1 != digits || !isHex(response[i+1:]) {
			return "", broken
		}
		return response[:i], named
	}
}

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdefABCDEF") == "" }

// readXOAUTH2 reads XOAUTH2: "user=" and the name, 0x01, and the token. There
// is no RFC. A response in another form is forwarded, for the backend to
// refuse, but no name is read from it.
func readXOAUTH2(_ int, response string) (name string, r reading) {
	name, _, closed := strings.Cut(response, "\x01")
	name, isName := strings.CutPrefix(name, "user=")
	if !closed || !isName || name == "" {
		return "", nameless
	}
	return name, named
}

// readOAUTHBEARER reads the header of OAUTHBEARER (RFC 7628 §3.1), which ends
// at the first 0x01. The identity is optional: the token itself may contain it.
func readOAUTHBEARER(_ int, response string) (name string, r reading) {
	header, _, closed := strings.Cut(response, "\x01")
	name, rest, ok := cutGS2(header)
	if !closed || !ok || rest != "" || name == "" {
		return "", nameless
	}
	return name, named
}

// cutGS2 reads the header of a GS2 message (RFC 5801 §4) without channel
// binding, and returns the authorization identity, which may be empty.
func cutGS2(message string) (identity, rest string, ok bool) {
	message, _ = strings.CutPrefix(message, "F,")
	flag, message, _ := strings.Cut(message, ",")
	identity, rest, closed := strings.Cut(message, ",")
	if flag != "n" && flag != "y" || !closed {
		return "", "", false
	}
	if identity == "" {
		return "", rest, true
	}
	identity, isIdentity := strings.CutPrefix(identity, "a=")
	identity, ok = unescape(identity)
	return identity, rest, ok && isIdentity && identity != ""
}

// unescape decodes a saslname (RFC 5801 §4, RFC 5802 §5.1).
func unescape(s string) (name string, ok bool) {
	rest := strings.NewReplacer("=2C", "", "=3D", "").Replace(s)
	return strings.NewReplacer("=2C", ",", "=3D", "=").Replace(s), !strings.Contains(rest, "=")
}

// readSCRAM reads the client-first message of SCRAM (RFC 5802 §7).
func readSCRAM(step int, response string) (name string, r reading) {
	if step > 1 {
		return "", nameless
	}
	identity, bare, ok := cutGS2(response)
	first, _, _ := strings.Cut(bare, ",")
	name, isName := strings.CutPrefix(first, "n=")
	name, sound := unescape(name)
	if !ok || !isName || !sound || name == "" || breaksLines(identity) {
		return "", broken
	}
	return name, named
}

// readDigest reads the username of DIGEST-MD5's response (RFC 2831 §2.1.2).
func readDigest(_ int, response string) (name string, r reading) {
	fields, ok := digestFields(response)
	name = fields["username"]
	if !ok || name == "" {
		return "", broken
	}
	if !strings.EqualFold(fields["charset"], "utf-8") {
		name = fromLatin1(name)
	}
	return name, named
}

// digestFields reads key=value pairs that are separated by commas; a value may
// be quoted. Keys are in lower case, and each may occur only once: the backend
// could use the other occurrence.
func digestFields(s string) (fields map[string]string, ok bool) {
	const blanks = " \t"
	fields = map[string]string{}
	for s = strings.Trim(s, blanks+","); s != ""; s = strings.TrimLeft(s, blanks+",") {
		key, rest, ok := strings.Cut(s, "=")
		key = strings.ToLower(strings.TrimRight(key, blanks))
		if _, twice := fields[key]; !ok || twice || strings.ContainsAny(key, blanks+`,"`) {
			return nil, false
		}
		value, rest, ok := cutDigestValue(strings.TrimLeft(rest, blanks))
		if rest = strings.TrimLeft(rest, blanks); !ok || rest != "" && rest[0] != ',' {
			return nil, false
		}
		fields[key], s = value, rest
	}
	return fields, true
}

// cutDigestValue removes a token or a quoted string from s; a backslash in
// quotes escapes the next character.
func cutDigestValue(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		i := strings.IndexAny(s+",", ", \t")
		return s[:i], s[i:], !strings.Contains(s[:i], `"`)
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], true
		case '\\':
			if i++; i == len(s) {
				return "", "", false
			}
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}

func fromLatin1(s string) string {
	runes := make([]rune, 0, len(s))
	for _, c := range []byte(s) {
		runes = append(runes, rune(c))
	}
	return string(runes)
}

// The positions of the fields in an NTLM message: its type, and in message 3
// the user name (MS-NLMP §2.2.1.3), as length, space and offset, and the flags.
const (
	ntlmSignature = "NTLMSSP\x00"
	ntlmUser      = 36
	ntlmFlags     = 60
	ntlmUnicode   = 1 // of the flags
)

// readNTLM reads the user name from message 3. Message 1 has none.
func readNTLM(step int, response string) (name string, r reading) {
	body, ok := strings.CutPrefix(response, ntlmSignature)
	switch {
	case ok && step == 1 && strings.HasPrefix(body, "\x01\x00\x00\x00"):
		return "", nameless
	case !ok || step == 1 || !strings.HasPrefix(body, "\x03\x00\x00\x00") || len(response) < ntlmUser+8:
		return "", broken
	}
	message := []byte(response)
	size, offset := uint64(binary.LittleEndian.Uint16(message[ntlmUser:])), uint64(binary.LittleEndian.Uint32(message[ntlmUser+4:]))
	if size == 0 || offset < ntlmUser+8 || offset+size > uint64(len(message)) {
		return "", broken
	}
	user := message[offset : offset+size]
	if len(message) < ntlmFlags+4 || offset < ntlmFlags+4 || message[ntlmFlags]&ntlmUnicode == 0 {
		return fromLatin1(string(user)), named
	}
	if size%2 != 0 {
		return "", broken
	}
	units := make([]uint16, size/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(user[2*i:])
	}
	return string(utf16.Decode(units)), named
}

// breaksLines reports whether a name has characters that no valid name has, and
// that would end a line at a backend or in the log.
func breaksLines(name string) bool { return strings.ContainsAny(name, "\r\n\x00") }
