package inventory

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/letterlock/letterlock/tlspolicy"
)

// Kind is what has happened.
type Kind string

// The kinds.
const (
	Session   Kind = "session"   // with TLS
	Plaintext Kind = "plaintext" // messages in clear, on smtp
	Failure   Kind = "failure"   // no TLS came about
)

// Key tells entries apart. Devices of one user that offer different TLS have
// an entry each, so that what is true of one entry is true of all its sessions.
type Key struct {
	Kind     Kind            `json:"kind"`
	Service  string          `json:"service"`
	Listener string          `json:"listener"`       // its address
	Lane     string          `json:"lane,omitempty"` // its name, of those who were let in by one
	Network  netip.Prefix    `json:"network"`        // see NetworkOf; of a plaintext sender its address alone
	User     string          `json:"user,omitempty"`
	Class    string          `json:"class,omitempty"` // of a failure
	Offer    tlspolicy.Offer `json:"offer"`
}

// Value is what is known of all that has the same key. Version, suite and
// group are those of the last session.
type Value struct {
	Address netip.Addr        `json:"address"`        // the last one
	Host    string            `json:"host,omitempty"` // its confirmed name or "unknown", of plaintext senders
	Version tlspolicy.Version `json:"version,omitempty"`
	Suite   tlspolicy.Suite   `json:"suite,omitempty"`
	Group   tlspolicy.Group   `json:"group,omitempty"` // 0: none, the key was encrypted with RSA
	First   time.Time         `json:"first"`
	Last    time.Time         `json:"last"`
	Count   uint64            `json:"count"`
}

// Entry is a key with its value.
type Entry struct {
	Key
	Value
}

// Networks are kept in place of addresses, as clients move within them.
const (
	bits4 = 24
	bits6 = 48
)

// NetworkOf is the network that an address is counted in: its /24, or for
// IPv6 its /48.
func NetworkOf(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := bits6
	if a.Is4() {
		bits = bits4
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // the zero address
	}
	return p
}

// maxName bounds how much of a user's or host's name is kept, in bytes.
const maxName = 128

// tidy makes a client's word fit to be kept and shown on a terminal.
func tidy(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, name)
	for len(name) > maxName {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return name
}

// join adds what has come later.
func (v *Value) join(later Value) {
	first, count := v.First, v.Count+later.Count
	*v = later
	v.First, v.Count = first, count
}

// Versions, suites and groups are stored as numbers: their names are for
// reading, and not all of them can be read back.
func (v Value) stored() storedValue {
	return storedValue{v.Address, v.Host, uint16(v.Version), uint16(v.Suite), uint16(v.Group), v.First.Unix(), v.Last.Unix(), v.Count}
}

type storedValue struct {
	Address netip.Addr `json:"a"`
	Host    string     `json:"h,omitempty"`
	Version uint16     `json:"v,omitempty"`
	Suite   uint16     `json:"s,omitempty"`
	Group   uint16     `json:"g,omitempty"`
	First   int64      `json:"f"`
	Last    int64      `json:"l"`
	Count   uint64     `json:"n"`
}

func (s storedValue) value() Value {
	return Value{
		s.Address, s.Host, tlspolicy.Version(s.Version), tlspolicy.Suite(s.Suite), tlspolicy.Group(s.Group),
		time.Unix(s.First, 0), time.Unix(s.Last, 0), s.Count,
	}
}

func readEntry(key, value []byte) (Entry, error) {
	var e Entry
	var s storedValue
	if err := json.Unmarshal(key, &e.Key); err != nil {
		return e, fmt.Errorf("the key of an entry: %w", err)
	}
	if err := json.Unmarshal(value, &s); err != nil {
		return e, fmt.Errorf("an entry: %w", err)
	}
	e.Value = s.value()
	return e, nil
}
