package inventory

import (
	"encoding/json"
	"net/netip"
	"strings"

	"github.com/letterlock/letterlock/internal/limit"
)

// class sorts entries by who can cause them, because what is cheap to cause
// must not displace what is not. It is the first byte of a stored key.
type class byte

const (
	failures  class = 'f' // anybody, in any number
	anonymous class = 's' // sessions with TLS and without a login: anybody who completes a handshake
	senders   class = 'p' // mail in plaintext that the backend has accepted
	users     class = 'u' // sessions of users who have logged in
)

// classes are all of them, those that make room for others first.
var classes = []class{failures, anonymous, senders, users}

func classOf(k Key) class {
	switch {
	case k.Kind == Failure:
		return failures
	case k.Kind == Plaintext:
		return senders
	case k.User == "":
		return anonymous
	}
	return users
}

// groupOf names whose entries share a bound: a user's, however the name is
// capitalised, or those of a network.
func groupOf(k Key) string {
	if classOf(k) == users {
		return strings.ToLower(k.User)
	}
	return limit.Network(k.Network.Addr()).String()
}

// wideBits4 and wideBits6 make the networks that may well be in one hand
// altogether: registries hand out IPv6 by /32.
const (
	wideBits4 = 16
	wideBits6 = 32
)

// wideOf names whose entries make room first if there are more of them than of
// others: a user's, or those of a wide network.
func wideOf(c class, group string) string {
	if c == users {
		return group
	}
	network, err := netip.ParsePrefix(group)
	if err != nil {
		return group
	}
	bits := wideBits6
	if network.Addr().Is4() {
		bits = wideBits4
	}
	wide, _ := network.Addr().Prefix(bits) // the address is valid
	return wide.String()
}

// endOfGroup stands between the group and the key in a stored key. Names hold
// no NUL.
var endOfGroup = []byte{0}

// groupKey is what the stored keys of a group begin with.
func groupKey(k Key) []byte {
	key := append([]byte{byte(classOf(k))}, groupOf(k)...)
	return append(key, endOfGroup...)
}

// storedKey is the key of an entry in the file. The entries of a group are
// neighbours there, and so are the groups of a class.
func storedKey(k Key) ([]byte, error) {
	text, err := json.Marshal(k)
	return append(groupKey(k), text...), err
}
