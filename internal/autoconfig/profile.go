package autoconfig

import (
	"bytes"
	"crypto/sha256"
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// profile answers with a configuration profile for Apple's devices, which has a payload
// of type com.apple.mail.managed with the preferred servers. Without an address the
// device asks for it.
func (h *handler) profile(r *http.Request, a account) (answer, error) {
	in, receives := h.Settings.first("imap", "pop3")
	out, sends := h.Settings.first("smtp")
	if !receives || !sends {
		return answer{}, errUnknown
	}
	name := h.Settings.name(a)
	mail := dict{
		{"EmailAccountDescription", name}, {"EmailAccountType", "EmailType" + strings.TrimSuffix(strings.ToUpper(in.Protocol), "3")}, {"OutgoingPasswordSameAsIncomingPassword", true},
	}
	if address := a.address(); address != "" {
		mail = append(mail, field{"EmailAddress", address})
	}
	mail = slices.Concat(mail, h.appleServer("Incoming", in, a), h.appleServer("Outgoing", out, a), payload("com.apple.mail.managed", "mail", name, a))
	whole := append(payload("Configuration", "profile", name, a), field{"PayloadContent", []dict{mail}}, field{"PayloadRemovalDisallowed", false})
	text, err := sign(plist(whole), h.Certificates(hostOf(r)))
	return answer{"application/x-apple-aspen-config", text}, err
}

// appleServer returns the fields of one direction. Devices choose between implicit TLS
// and STARTTLS by the port.
func (h *handler) appleServer(direction string, s Server, a account) dict {
	authentication := "EmailAuthPassword"
	if s.Challenge {
		authentication = "EmailAuthCRAMMD5"
	}
	server := direction + "MailServer"
	all := dict{
		{server + "HostName", s.Host}, {server + "PortNumber", s.Port}, {server + "UseSSL", true}, {server + "Authentication", authentication},
	}
	if login := h.Settings.login(a); login != "" {
		all = append(all, field{server + "Username", login})
	}
	return all
}

// payload returns the fields that identify a payload. They follow from the account, so
// that a new profile replaces the one before.
func payload(kind, part, name string, a account) dict {
	labels := strings.Split(a.domain, ".")
	slices.Reverse(labels)
	sum := sha256.Sum256([]byte(part + "\x00" + a.local + "\x00" + a.domain))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80 // a UUID of version 8 (RFC 9562 §5.8)
	id := fmt.Sprintf("%X-%X-%X-%X-%X", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
	return dict{
		{"PayloadType", kind}, {"PayloadVersion", 1}, {"PayloadUUID", id}, {"PayloadDisplayName", name},
		{"PayloadIdentifier", fmt.Sprintf("%s.letterlock.%x.%s", strings.Join(labels, "."), sum[:4], part)},
	}
}

// dict is a dictionary of a property list, in the order of its text. A value is a
// string, an int, a bool or a list of dictionaries.
type dict []field

type field struct {
	key   string
	value any
}

// plist writes a property list.
func plist(d dict) []byte {
	var b bytes.Buffer
	b.WriteString(xml.Header + `<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">` + "\n<plist version=\"1.0\">\n")
	d.write(&b)
	b.WriteString("</plist>\n")
	return b.Bytes()
}

func (d dict) write(b *bytes.Buffer) {
	b.WriteString("<dict>\n")
	for _, f := range d {
		writeText(b, "key", f.key)
		switch v := f.value.(type) {
		case string:
			writeText(b, "string", v)
		case int:
			fmt.Fprintf(b, "<integer>%d</integer>\n", v)
		case bool:
			fmt.Fprintf(b, "<%t/>\n", v)
		case []dict:
			b.WriteString("<array>\n")
			for _, inner := range v {
				inner.write(b)
			}
			b.WriteString("</array>\n")
		}
	}
	b.WriteString("</dict>\n")
}

func writeText(b *bytes.Buffer, element, text string) {
	fmt.Fprintf(b, "<%s>", element)
	_ = xml.EscapeText(b, []byte(text)) // a bytes.Buffer returns no errors
	fmt.Fprintf(b, "</%s>\n", element)
}
