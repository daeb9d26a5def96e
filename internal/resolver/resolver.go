// Package resolver asks one DNS server, and reports whether that server has
// validated the answer: net.Resolver offers neither this nor TLSA records. The
// validation is as trustworthy as the path to the server; a server on this
// machine is best (RFC 4035 §4.9.3).
package resolver

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// Resolver asks the server at Address, host:port. A Timeout of zero means 5s;
// it applies to each of two tries over UDP and one over TCP.
type Resolver struct {
	Address string
	Timeout time.Duration
}

// Answer has the requested records, also those after CNAMEs. It is empty if the
// name or the type does not exist. Secure reports that the server has validated
// the answer, Authoritative that it is a server of the zone. Signatures has the
// RRSIG records in the answer.
type Answer struct {
	Records       []dnsmessage.Resource
	Signatures    []dnsmessage.Resource
	Secure        bool
	Authoritative bool
}

// typeRRSIG is the type of signatures (RFC 4034 §3).
const typeRRSIG dnsmessage.Type = 46

// Address returns the address of an A or AAAA record, or the zero address for
// other records.
func Address(r dnsmessage.Resource) netip.Addr {
	switch body := r.Body.(type) {
	case *dnsmessage.AResource:
		return netip.AddrFrom4(body.A)
	case *dnsmessage.AAAAResource:
		return netip.AddrFrom16(body.AAAA).Unmap()
	}
	return netip.Addr{}
}

const (
	timeout   = 5 * time.Second
	tries     = 2
	udpAnswer = 1232 // bytes that reach every host without fragments (DNS flag day 2020)

	// maxAliases is more than DNS servers follow. A longer chain is an error:
	// the records at its end could be others than those found so far.
	maxAliases = 16
)

var (
	errAnswer    = errors.New("the answer is not to the question")
	errTruncated = errors.New("the answer is cut short, even over TCP")
	errAliases   = fmt.Errorf("the name leads through more than %d aliases", maxAliases)
)

// Ask asks for the records of one type of a name.
func (r Resolver) Ask(ctx context.Context, name string, kind dnsmessage.Type) (Answer, error) {
	answer, err := r.ask(ctx, name, kind)
	if err != nil {
		return Answer{}, fmt.Errorf("resolver %s, %s: %w", r.Address, name, err)
	}
	return answer, nil
}

func (r Resolver) ask(ctx context.Context, name string, kind dnsmessage.Type) (Answer, error) {
	if r.Timeout == 0 {
		r.Timeout = timeout
	}
	question, err := questionOf(name, kind)
	if err != nil {
		return Answer{}, err
	}
	var m *dnsmessage.Message
	for range tries {
		if m, err = r.exchange(ctx, "udp", question); err == nil || ctx.Err() != nil {
			break
		}
	}
	if err == nil && m.Truncated {
		m, err = r.exchange(ctx, "tcp", question)
	}
	switch {
	case err != nil:
		return Answer{}, err
	case m.Truncated:
		return Answer{}, errTruncated
	case m.RCode != dnsmessage.RCodeSuccess && m.RCode != dnsmessage.RCodeNameError:
		return Answer{}, fmt.Errorf("it says %s", strings.TrimPrefix(m.RCode.String(), "RCode"))
	}
	return answerOf(m, kind)
}

func answerOf(m *dnsmessage.Message, kind dnsmessage.Type) (Answer, error) {
	answer := Answer{Secure: m.AuthenticData, Authoritative: m.Authoritative}
	aliases := 0
	for _, record := range m.Answers {
		if record.Header.Type == dnsmessage.TypeCNAME {
			aliases++
		}
		if record.Header.Type == kind {
			answer.Records = append(answer.Records, record)
		} else if record.Header.Type == typeRRSIG {
			answer.Signatures = append(answer.Signatures, record)
		}
	}
	if aliases > maxAliases {
		return Answer{}, errAliases
	}
	return answer, nil
}

// questionOf requests validation with both bits, because some servers check AD
// and others DO (RFC 6840 §5.7).
func questionOf(name string, kind dnsmessage.Type) (dnsmessage.Message, error) {
	full, err := dnsmessage.NewName(strings.TrimSuffix(name, ".") + ".")
	if err != nil {
		return dnsmessage.Message{}, err
	}
	var id [2]byte
	_, _ = rand.Read(id[:]) // never fails
	var edns dnsmessage.ResourceHeader
	if err := edns.SetEDNS0(udpAnswer, dnsmessage.RCodeSuccess, true); err != nil {
		return dnsmessage.Message{}, err
	}
	return dnsmessage.Message{
		Header:      dnsmessage.Header{ID: binary.BigEndian.Uint16(id[:]), RecursionDesired: true, AuthenticData: true},
		Questions:   []dnsmessage.Question{{Name: full, Type: kind, Class: dnsmessage.ClassINET}},
		Additionals: []dnsmessage.Resource{{Header: edns, Body: &dnsmessage.OPTResource{}}},
	}, nil
}

func (r Resolver) exchange(ctx context.Context, network string, question dnsmessage.Message) (*dnsmessage.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, network, r.Address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	packed, err := question.Pack()
	if err != nil {
		return nil, err
	}
	if network == "tcp" {
		packed = append(binary.BigEndian.AppendUint16(nil, uint16(len(packed))), packed...) //nolint:gosec // a question has at most 300 bytes
	}
	if _, err := conn.Write(packed); err != nil {
		return nil, err
	}
	if network == "tcp" {
		return overTCP(conn, question)
	}
	return overUDP(conn, question)
}

// overUDP ignores packets that do not answer the question: an attacker may have
// sent them in the server's name.
func overUDP(conn net.Conn, question dnsmessage.Message) (*dnsmessage.Message, error) {
	buffer := make([]byte, 4096)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return nil, err
		}
		if m, err := answerTo(question, buffer[:n]); err == nil {
			return m, nil
		}
	}
}

func overTCP(conn net.Conn, question dnsmessage.Message) (*dnsmessage.Message, error) {
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return nil, err
	}
	buffer := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(conn, buffer); err != nil {
		return nil, err
	}
	return answerTo(question, buffer)
}

func answerTo(question dnsmessage.Message, packed []byte) (*dnsmessage.Message, error) {
	var m dnsmessage.Message
	if err := m.Unpack(packed); err != nil {
		return nil, err
	}
	asked := question.Questions[0]
	if m.ID != question.ID || !m.Response || len(m.Questions) != 1 ||
		m.Questions[0].Type != asked.Type || !strings.EqualFold(m.Questions[0].Name.String(), asked.Name.String()) {
		return nil, errAnswer
	}
	return &m, nil
}
