package configs

import (
	"net/netip"
	"strconv"
	"strings"
)

// ParseNextHop parses example.net, example.net:587, [mail.example.net] or
// [192.0.2.1]:587, like Postfix's relayhost: brackets contain a host; without
// brackets it is a domain, whose MX records are looked up.
func ParseNextHop(text string) (name string, port int, direct bool, err error) {
	const smtpPort = 25
	name = text
	if inner, bracket := strings.CutPrefix(text, "["); bracket {
		var rest string
		var closed bool
		if name, rest, closed = strings.Cut(inner, "]"); !closed {
			return "", 0, false, errNextHop
		}
		direct = true
		if text = strings.TrimPrefix(rest, ":"); rest == "" {
			text = strconv.Itoa(smtpPort)
		} else if text == rest {
			return "", 0, false, errNextHop
		}
	} else if domain, digits, found := strings.Cut(text, ":"); found {
		name, text = domain, digits
	} else {
		text = strconv.Itoa(smtpPort)
	}
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil || number == 0 {
		return "", 0, false, errPortZero
	}
	name = foldName(name)
	if ip, err := netip.ParseAddr(name); err == nil && direct && ip.Zone() == "" {
		return ip.Unmap().String(), int(number), true, nil
	}
	if !legalServerName(name) {
		return "", 0, false, errNextHop
	}
	return name, int(number), direct, nil
}
