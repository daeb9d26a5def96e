package lookup

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Answer is the server's answer: a backend, or a refusal.
type Answer struct {
	Address netip.AddrPort // of the backend; not valid if there is a Name
	Name    string         // of a configured backend

	// User and Password replace the client's at the backend; empty: they do not.
	User, Password string

	Refusal string        // the text of a refusal, for the client; empty: there is a backend
	Code    string        // of the refusal in SMTP; empty: none was given
	Wait    time.Duration // before the refusal is sent; zero: the session ends after it
}

// Refused reports whether the login is refused.
func (a Answer) Refused() bool { return a.Refusal != "" }

// Temporary reports whether a refusal has the code of a temporary failure.
func (a Answer) Temporary() bool { return strings.HasPrefix(a.Code, "4") }

// The bounds of values in a reply.
const (
	maxText = 400 // bytes of the reason of a refusal, which must fit into a line of every protocol
	maxName = 256 // bytes of a name or a password
	maxWait = time.Hour
)

var (
	errStatus  = errors.New("the reply has no Auth-Status")
	errTwice   = errors.New("the reply has a header twice")
	errServer  = errors.New("the reply has an Auth-Server that is neither an IP address nor the name of a backend in the configuration")
	errPort    = errors.New("the reply has no valid Auth-Port")
	errNetwork = errors.New("the reply names a server that is not in the networks of the lookup")
	errValue   = errors.New("the reply has an Auth-User or Auth-Pass that is too long, or has control characters")
)

// parse reads the header of a reply.
func (o *Options) parse(h http.Header) (Answer, error) {
	for _, name := range []string{"Auth-Status", "Auth-Server", "Auth-Port", "Auth-User", "Auth-Pass", "Auth-Wait", "Auth-Error-Code"} {
		if len(h.Values(name)) > 1 {
			return Answer{}, fmt.Errorf("%w: %s", errTwice, name)
		}
	}
	switch status := h.Get("Auth-Status"); status {
	case "":
		return Answer{}, errStatus
	case "OK":
		return o.parseServer(h)
	case "WAIT":
		return Answer{Refusal: tryAgain, Code: temporary, Wait: max(wait(h), time.Second)}, nil
	default:
		return Answer{Refusal: printable(status), Code: errorCode(h.Get("Auth-Error-Code")), Wait: wait(h)}, nil
	}
}

// The refusal for Auth-Status: WAIT. nginx asks again by itself after the time of
// Auth-Wait; here the client does.
const (
	tryAgain  = "Temporary authentication failure, try again"
	temporary = "454 4.7.0"
)

// parseServer reads where the user's mail is.
func (o *Options) parseServer(h http.Header) (Answer, error) {
	a := Answer{User: h.Get("Auth-User"), Password: h.Get("Auth-Pass")}
	if !transmittable(a.User) || !transmittable(a.Password) {
		return Answer{}, errValue
	}
	server, port := h.Get("Auth-Server"), h.Get("Auth-Port")
	ip, err := netip.ParseAddr(strings.Trim(server, "[]"))
	switch {
	case err != nil && o.IsBackend != nil && o.IsBackend(server):
		a.Name = server
		return a, nil
	case err != nil || ip.Zone() != "":
		return Answer{}, errServer
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 {
		return Answer{}, errPort
	}
	ip = ip.Unmap()
	if !slices.ContainsFunc(o.Networks, func(p netip.Prefix) bool { return p.Contains(ip) }) {
		return Answer{}, fmt.Errorf("%w: %s", errNetwork, ip)
	}
	a.Address = netip.AddrPortFrom(ip, uint16(number))
	return a, nil
}

// transmittable reports whether a name or a password can be sent to a backend by each
// protocol.
func transmittable(value string) bool {
	return len(value) <= maxName && !strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c == 0x7f })
}

// printable returns a text in the form in which it can be sent to the client.
func printable(text string) string {
	text = text[:min(len(text), maxText)]
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, text)
}

// wait returns the time in Auth-Wait. An invalid value counts as none, as in nginx.
func wait(h http.Header) time.Duration {
	seconds, err := strconv.ParseUint(h.Get("Auth-Wait"), 10, 31)
	if err != nil {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, maxWait)
}

// errorCode returns a reply code of SMTP, with or without an enhanced one, that refuses
// a login; empty: it is not such a code.
func errorCode(text string) string {
	code, enhanced, _ := strings.Cut(text, " ")
	if len(code) != 3 || code[0] != '4' && code[0] != '5' || strings.Trim(code, "0123456789") != "" || code == "421" {
		return ""
	}
	if enhanced == "" {
		return code
	}
	parts := strings.Split(enhanced, ".")
	if len(parts) != 3 || parts[0] != code[:1] {
		return code
	}
	for _, part := range parts {
		if part == "" || len(part) > 3 || strings.Trim(part, "0123456789") != "" {
			return code
		}
	}
	return text
}
