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
	asked    map[string]int // queries by network
}

// New starts a server.
func New(t testing.TB) *Server {
	t.Helper()
	stream, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	packets, err := net.ListenPacket("udp", stream.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
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
		case *dnsmessage.PTRResource:
			header.Type = dnsmessage.TypePTR
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

// Behave sets whether answers are marked as validated, whether UDP answers are
// truncated, and which error code replaces all answers.
func (s *Server) Behave(secure, truncate bool, rcode dnsmessage.RCode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secure, s.truncate, s.rcode = secure, truncate, rcode
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
			AuthenticData: s.secure, RCode: s.rcode,
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
		reply.Answers = s.follow(records, q.Type)
	}
	packed, err := reply.Pack()
	if err != nil {
		return nil
	}
	return packed
}

// follow adds the records that a CNAME leads to.
func (s *Server) follow(records []dnsmessage.Resource, kind dnsmessage.Type) []dnsmessage.Resource {
	var found []dnsmessage.Resource
	for _, r := range records {
		alias, isAlias := r.Body.(*dnsmessage.CNAMEResource)
		if r.Header.Type == kind || isAlias {
			found = append(found, r)
		}
		if isAlias {
			found = append(found, s.follow(s.names[fold(alias.CNAME.String())], kind)...)
		}
	}
	return found
}

func fold(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) + "." }
