package resolver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/nameserver"
)

const tlsa dnsmessage.Type = 52

func TestAsk(t *testing.T) {
	s := nameserver.New(t)
	s.Set("_25._tcp.mail.example.com", &dnsmessage.UnknownResource{Type: tlsa, Data: []byte{3, 1, 1, 7}})
	s.Set("_25._tcp.alias.example.com", &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName("_25._tcp.mail.example.com.")})
	s.Set("other.example.com", &dnsmessage.AResource{A: [4]byte{192, 0, 2, 1}})
	r := Resolver{Address: s.Address}
	for _, tt := range []struct {
		name             string
		secure, truncate bool
		records          int
	}{
		{"_25._tcp.mail.example.com", false, false, 1},
		{"_25._TCP.Mail.Example.com.", true, false, 1},
		{"_25._tcp.mail.example.com", true, true, 1},
		{"_25._tcp.alias.example.com", true, false, 1},
		{"other.example.com", true, false, 0},
		{"nowhere.example.com", true, false, 0},
	} {
		s.Behave(tt.secure, tt.truncate, dnsmessage.RCodeSuccess)
		answer, err := r.Ask(t.Context(), tt.name, tlsa)
		if err != nil || len(answer.Records) != tt.records || answer.Secure != tt.secure {
			t.Errorf("%+v: %+v, %v", tt, answer, err)
		}
	}
	if s.Asked("tcp") != 1 {
		t.Errorf("asked %d times over TCP", s.Asked("tcp"))
	}
}

func TestAliasesAreBounded(t *testing.T) {
	s := nameserver.New(t)
	for i := range 2 * maxAliases {
		s.Set(fmt.Sprintf("a%d.example", i), &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName(fmt.Sprintf("a%d.example.", i+1))})
	}
	s.Set(fmt.Sprintf("a%d.example", 2*maxAliases), &dnsmessage.AResource{A: [4]byte{192, 0, 2, 1}})
	r := Resolver{Address: s.Address}
	if answer, err := r.Ask(t.Context(), fmt.Sprintf("a%d.example", maxAliases), dnsmessage.TypeA); err != nil || len(answer.Records) != 1 {
		t.Error(answer, err)
	}
	if _, err := r.Ask(t.Context(), fmt.Sprintf("a%d.example", maxAliases-1), dnsmessage.TypeA); !errors.Is(err, errAliases) {
		t.Error(err)
	}
}

func TestAskFails(t *testing.T) {
	s := nameserver.New(t)
	s.Behave(false, false, dnsmessage.RCodeServerFailure)
	_, err := Resolver{Address: s.Address}.Ask(t.Context(), "bogus.example.com", tlsa)
	if err == nil || !strings.Contains(err.Error(), "ServerFailure") {
		t.Error(err)
	}
	if _, err := (Resolver{Address: s.Address}).Ask(t.Context(), strings.Repeat("x", 300), tlsa); err == nil {
		t.Error("a name that is too long")
	}
}

// Without an answer, or with answers to other questions, Ask ends at the time
// limit.
func TestAskIsBounded(t *testing.T) {
	for name, reply := range map[string]func(query []byte) []byte{
		"silence":     func([]byte) []byte { return nil },
		"garbage":     func([]byte) []byte { return []byte("x") },
		"another ID":  func(q []byte) []byte { return append([]byte{^q[0], q[1], 0x80}, q[3:]...) },
		"no response": func(q []byte) []byte { return q },
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.ListenPacket("udp", loopback.Host()+":0")
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				buffer := make([]byte, 4096)
				for {
					n, from, err := conn.ReadFrom(buffer)
					if err != nil {
						return
					}
					if answer := reply(buffer[:n]); answer != nil {
						_, _ = conn.WriteTo(answer, from)
					}
				}
			}()
			defer func() { _ = conn.Close(); <-done }()
			_, err = Resolver{Address: conn.LocalAddr().String(), Timeout: 20 * time.Millisecond}.Ask(t.Context(), "a.example", tlsa)
			if timeout, ok := errors.AsType[net.Error](err); !ok || !timeout.Timeout() {
				t.Error(err)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (Resolver{Address: "127.0.0.1:53"}).Ask(ctx, "a.example", tlsa); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func FuzzAnswer(f *testing.F) {
	question, err := questionOf("a.example", tlsa)
	if err != nil {
		f.Fatal(err)
	}
	packed, err := question.Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(packed)
	f.Fuzz(func(t *testing.T, packed []byte) {
		if m, err := answerTo(question, packed); err == nil && (m.ID != question.ID || !m.Response) {
			t.Errorf("%+v", m)
		}
	})
}
