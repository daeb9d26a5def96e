package inventory

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/letterlock/letterlock/internal/limit"
	"github.com/letterlock/letterlock/tlspolicy"
)

// Kind is the kind of an event.
type Kind string

// The kinds.
const (
	Session   Kind = "session"   // with TLS
	Plaintext Kind = "plaintext" // messages in plaintext, on smtp
	Failure   Kind = "failure"   // the handshake failed
)

// Key identifies an entry. Devices of one user with different TLS offers have
// separate entries, so that the statements about an entry are true of all its
// sessions.
type Key struct {
	Kind      Kind            `json:"kind"`
	Service   string          `json:"service"`
	Listener  string          `json:"listener"`            // the listener's address
	Exception string          `json:"exception,omitempty"` // the name of the exception that admitted the client
	Network   netip.Prefix    `json:"network"`             // see NetworkOf; for a sender in plaintext only its address
	User      string          `json:"user,omitempty"`
	Class     string          `json:"class,omitempty"` // the class of a failure
	Offer     tlspolicy.Offer `json:"offer"`
}

// Value is the information about all events with the same key. Version, suite
// and group are those of the last session.
type Value struct {
	Address netip.Addr        `json:"address"`        // the latest
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

// NetworkOf returns the network that is recorded instead of the address,
// because clients move within it: the /24, or for IPv6 the /48. IPv4 addresses
// in IPv6, mapped or of a NAT64, count as IPv4.
func NetworkOf(a netip.Addr) netip.Prefix { return limit.Network(a) }

// maxName is the maximum length of a user's or host's name, in bytes.
const maxName = 128

// tidy truncates a string of a client and makes it safe to show on a terminal.
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

// join adds a later value.
func (v *Value) join(later Value) {
	first, count := v.First, v.Count+later.Count
	*v = later
	v.First, v.Count = first, count
}

// storedValue is the second part of a value in the file. Versions, suites and
// groups are stored as numbers, because not all of their names can be parsed.
type storedValue struct {
	Address netip.Addr `json:"a"`
	Host    string     `json:"h,omitempty"`
	Version uint16     `json:"v,omitempty"`
	Suite   uint16     `json:"s,omitempty"`
	Group   uint16     `json:"g,omitempty"`
	First   int64      `json:"f"`
}

// stored encodes a value. The first part determines whether an entry stays.
func (v Value) stored() ([]byte, error) {
	text, err := json.Marshal(storedValue{v.Address, v.Host, uint16(v.Version), uint16(v.Suite), uint16(v.Group), v.First.Unix()})
	return append(seen{v.Count, v.Last.Unix()}.stored(), text...), err
}

// seen counts the uses of an entry, and has the time of the last one.
type seen struct {
	count uint64
	last  int64
}

// seenSize is the size of seen in the file, in bytes.
const seenSize = 16

func (s seen) stored() []byte { return append(number(s.count), number(uint64(max(s.last, 0)))...) }

// readSeen decodes the first part of a value. A damaged part counts as never
// seen.
func readSeen(value []byte) seen {
	if len(value) < seenSize {
		return seen{}
	}
	last := min(readNumber(value[8:seenSize]), math.MaxInt64)
	return seen{readNumber(value[:8]), int64(last)}
}

func readEntry(key, value []byte) (Entry, error) {
	var e Entry
	_, text, _ := bytes.Cut(key, endOfGroup)
	if err := json.Unmarshal(text, &e.Key); err != nil {
		return e, fmt.Errorf("the key of an entry: %w", err)
	}
	var s storedValue
	if err := json.Unmarshal(value[min(seenSize, len(value)):], &s); err != nil {
		return e, fmt.Errorf("an entry: %w", err)
	}
	at := readSeen(value)
	e.Value = Value{
		s.Address, s.Host, tlspolicy.Version(s.Version), tlspolicy.Suite(s.Suite), tlspolicy.Group(s.Group),
		time.Unix(s.First, 0), time.Unix(at.last, 0), at.count,
	}
	return e, nil
}
