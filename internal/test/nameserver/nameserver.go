// Package nameserver is a DNS server on loopback for tests. It answers from a
// table, over UDP and TCP. It does not validate; the test sets the AD flag.
package nameserver

import (
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/internal/test/loopback"
)

// Server answers until the test ends. Names that are not in its table do not
// exist.
type Server struct {
	Address string // host:port, for UDP and TCP

	mu       sync.Mutex
	names    map[string][]dnsmessage.Resource
	secure   bool
	truncate bool
	rcode    dnsmessage.RCode
	foreign  bool
	asked    map[string]int // queries by network
}

// New starts a server.
func New(t testing.TB) *Server {
	t.Helper()
	stream, packets := loopback.ListenBoth(t)
	s := &Server{Address: stream.Addr().String(), names: map[string][]dnsmessage.Resource{}, asked: map[string]int{}}
	var running sync.WaitGroup
	running.Go(func() { s.servePackets(packets) })
	running.Go(func() { s.serveStream(stream) })
	t.Cleanup(func() {
		_ = stream.Close()
		_ = packets.Close()
		running.Wait()
	})
	return s
}

// Set replaces the records of a name.
func (s *Server) Set(name string, bodies ...dnsmessage.ResourceBody) {
	name = fold(name)
	var records []dnsmessage.Resource
	for _, body := range bodies {
		header := dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(name), Class: dnsmessage.ClassINET, TTL: 60}
		switch b := body.(type) {
		case *dnsmessage.AResource:
			header.Type = dnsmessage.TypeA
		case *dnsmessage.AAAAResource:
			header.Type = dnsmessage.TypeAAAA
		case *dnsmessage.MXResource:
			header.Type = dnsmessage.TypeMX
		case *dnsmessage.CNAMEResource:
			header.Type = dnsmessage.TypeCNAME
		case *dnsmessage.SOAResource:
			header.Type = dnsmessage.TypeSOA
		case *dnsmessage.NSResource:
			header.Type = dnsmessage.TypeNS
		case *dnsmessage.PTRResource:
			header.Type = dnsmessage.TypePTR
		case *dnsmessage.SRVResource:
			header.Type = dnsmessage.TypeSRV
		case *dnsmessage.TXTResource:
			header.Type = dnsmessage.TypeTXT
		case *dnsmessage.UnknownResource:
			header.Type = b.Type
		}
		records = append(records, dnsmessage.Resource{Header: header, Body: body})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names[name] = records
}

// Zone adds a SOA record and a name server with this server's address to a name.
func (s *Server) Zone(name string) {
	ns := dnsmessage.MustNewName("ns." + fold(name))
	s.Set(name, &dnsmessage.SOAResource{NS: ns, MBox: ns, Serial: 1}, &dnsmessage.NSResource{NS: ns})
	s.Set(ns.String(), &dnsmessage.AResource{A: loopback.IPv4()})
}

// Port returns the server's port.
func (s *Server) Port() string {
	_, port, _ := net.SplitHostPort(s.Address)
	return port
}

// Behave sets whether answers are marked as validated, whether UDP answers are
// truncated, and which error code replaces all answers.
func (s *Server) Behave(secure, truncate bool, rcode dnsmessage.RCode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secure, s.truncate, s.rcode = secure, truncate, rcode
}

// Foreign makes the server answer as one that is not a server of the zone.
func (s *Server) Foreign() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.foreign = true
}

// Asked returns the number of queries over a network, "udp" or "tcp".
func (s *Server) Asked(network string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[network]
}

func (s *Server) servePackets(packets net.PacketConn) {
	buffer := make([]byte, 4096)
	for {
		n, from, err := packets.ReadFrom(buffer)
		if err != nil {
			return
		}
		if answer := s.answer(buffer[:n], "udp"); answer != nil {
			_, _ = packets.WriteTo(answer, from)
		}
	}
}

func (s *Server) serveStream(stream net.Listener) {
	var clients sync.WaitGroup
	defer clients.Wait()
	for {
		c, err := stream.Accept()
		if err != nil {
			return
		}
		clients.Go(func() {
			defer func() { _ = c.Close() }()
			var length [2]byte
			if _, err := io.ReadFull(c, length[:]); err != nil {
				return
			}
			query := make([]byte, binary.BigEndian.Uint16(length[:]))
			if _, err := io.ReadFull(c, query); err != nil {
				return
			}
			answer := s.answer(query, "tcp")
			_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
		})
	}
}

func (s *Server) answer(query []byte, network string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[network]++
	var m dnsmessage.Message
	if m.Unpack(query) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	reply := dnsmessage.Message{
		Header: dnsmessage.Header{
			ID: m.ID, Response: true, RecursionDesired: true, RecursionAvailable: true,
			AuthenticData: s.secure, Authoritative: !s.foreign, RCode: s.rcode,
		},
		Questions: m.Questions,
	}
	records, known := s.names[fold(q.Name.String())]
	switch {
	case s.rcode != dnsmessage.RCodeSuccess:
	case s.truncate && network == "udp":
		reply.Truncated = true
	case !known:
		reply.RCode = dnsmessage.RCodeNameError
	default:
		reply.Answers = s.follow(records, q.Type, maxAliases)
	}
	packed, err := reply.Pack()
	if err != nil {
		return nil
	}
	return packed
}

// typeRRSIG is the type of signatures, which are in every answer of their name.
const typeRRSIG dnsmessage.Type = 46

// maxAliases bounds the CNAME records in an answer, which may be a loop.
const maxAliases = 64

// follow adds the records that a CNAME leads to.
func (s *Server) follow(records []dnsmessage.Resource, kind dnsmessage.Type, more int) []dnsmessage.Resource {
	var found []dnsmessage.Resource
	for _, r := range records {
		alias, isAlias := r.Body.(*dnsmessage.CNAMEResource)
		if r.Header.Type == kind || r.Header.Type == typeRRSIG || isAlias {
			found = append(found, r)
		}
		if isAlias && more > 0 {
			found = append(found, s.follow(s.names[fold(alias.CNAME.String())], kind, more-1)...)
		}
	}
	return found
}

func fold(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) + "." }
