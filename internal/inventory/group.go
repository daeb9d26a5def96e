package inventory

import (
	"encoding/json"
	"net/netip"
	"strings"

	"github.com/letterlock/letterlock/internal/limit"
)

// class sorts entries by the effort that they cost a client, because cheap
// entries must not displace others. It is the first byte of a stored key.
type class byte

const (
	failures  class = 'f' // any client can cause any number of them
	anonymous class = 's' // sessions with TLS and without a login: any client that completes a handshake
	senders   class = 'p' // mail in plaintext that the backend has accepted
	users     class = 'u' // sessions of users who have logged in
)

// classes lists all classes. Entries of the first are displaced by the others.
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

// groupOf returns the name of an entry's group, whose number of entries is
// bounded: the user, whatever the case of the name, or the network.
func groupOf(k Key) string {
	if classOf(k) == users {
		return strings.ToLower(k.User)
	}
	return limit.Network(k.Network.Addr()).String()
}

// wideBits4 and wideBits6 are the prefix lengths of networks that one party may
// control: registries assign IPv6 by /32.
const (
	wideBits4 = 16
	wideBits6 = 32
)

// wideOf returns the name of an entry's wide group: a user, or a wide network.
// Entries of the wide groups with the most entries are removed first.
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

// endOfGroup separates the group and the key in a stored key. Names contain no
// NUL.
var endOfGroup = []byte{0}

// groupKey returns the prefix of the stored keys of a group.
func groupKey(k Key) []byte {
	key := append([]byte{byte(classOf(k))}, groupOf(k)...)
	return append(key, endOfGroup...)
}

// storedKey returns the key of an entry in the file. The entries of a group are
// adjacent there, and so are the groups of a class.
func storedKey(k Key) ([]byte, error) {
	text, err := json.Marshal(k)
	return append(groupKey(k), text...), err
}
