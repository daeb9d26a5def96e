package gate

import (
	"slices"
	"strings"
)

// Mechanisms decides which SASL mechanisms are shown and accepted.
type Mechanisms struct {
	Hidden []string // beside those that cannot pass; upper case

	// Routed says that the backend follows from the user's name, which a client
	// must then tell before the backend speaks. Means is how we log in there.
	Routed bool
	Means  Means
}

// unpassable mechanisms say something about the client's own TLS session or
// nothing about the client (RFC 4422, RFC 4505): a backend behind a proxy
// would take it for something else.
var unpassable = []string{"EXTERNAL", "ANONYMOUS"}

// Ahead reports whether logins are heard out before the backend hears of them;
// see Login.
func (m Mechanisms) Ahead() bool { return m.Routed || m.Means != Same }

// Allows reports whether a mechanism may pass. Channel binding (-PLUS,
// RFC 5802 §6) ends at the proxy, so those never do.
func (m Mechanisms) Allows(mechanism string) bool {
	mechanism = strings.ToUpper(mechanism)
	switch {
	case mechanism == "", strings.HasSuffix(mechanism, "-PLUS"),
		slices.Contains(unpassable, mechanism), slices.Contains(m.Hidden, mechanism):
		return false
	case m.Means != Same:
		return telling(mechanism).password || telling(mechanism).token
	case m.Routed:
		return telling(mechanism).name
	}
	return true
}

// Filter returns those of the offered mechanisms that may pass. Where we log in
// by means of our own, those that carry a password are offered whether the
// backend knows them or not.
func (m Mechanisms) Filter(offered []string) []string {
	if m.Means != Same {
		offered = slices.DeleteFunc(slices.Clone(offered), func(mechanism string) bool { return telling(mechanism).password })
		offered = append([]string{"PLAIN", "LOGIN"}, offered...)
	}
	return slices.DeleteFunc(slices.Clone(offered), func(mechanism string) bool { return !m.Allows(mechanism) })
}

// told is what the client of a mechanism tells before the server has spoken.
type told struct {
	name     bool
	password bool
	token    bool // in place of a password

	// secret finds the secret in a response; begin is -1 if there is none.
	secret func(response string) (begin, end int)
}

// telling knows the mechanisms that tell who logs in at once.
func telling(mechanism string) told {
	switch mechanism = strings.ToUpper(mechanism); {
	case mechanism == "PLAIN":
		return told{name: true, password: true, secret: behind("\x00", "")}
	case mechanism == "LOGIN":
		return told{name: true, password: true, secret: func(s string) (int, int) { return 0, len(s) }}
	case mechanism == "XOAUTH2", mechanism == "OAUTHBEARER":
		return told{name: true, token: true, secret: behind("auth=Bearer ", "\x01")}
	case strings.HasPrefix(mechanism, "SCRAM-"):
		return told{name: true, secret: behind(",p=", "")}
	}
	return told{secret: func(string) (int, int) { return -1, -1 }}
}

// behind finds what stands between the last mark and the next stop; an empty
// stop is the end.
func behind(mark, stop string) func(string) (begin, end int) {
	return func(s string) (int, int) {
		i := strings.LastIndex(s, mark)
		if i < 0 {
			return -1, -1
		}
		begin := i + len(mark)
		if n := strings.Index(s[begin:], stop); stop != "" && n >= 0 {
			return begin, begin + n
		}
		return begin, len(s)
	}
}
