package tickets

import (
	"crypto/tls"
	"encoding/hex"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/tlspolicy"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func keysOf(t *testing.T, s Secret, name string, now time.Time) [][32]byte {
	t.Helper()
	keys, err := s.Keys(name, now)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// TestKeysStayTheSame checks the derived keys against fixed values: if a
// release derived other keys, an update would invalidate all tickets.
func TestKeysStayTheSame(t *testing.T) {
	got := hex.EncodeToString(keysOf(t, Secret("0123456789abcdef0123456789abcdef"), "imaps/strict", noon)[0][:])
	if want := "235ffcbfcb6e71b6126130130fa2ace198bdf3f0e2523b9c34181aedcab34ab5"; got != want {
		t.Errorf("the key is %s, want %s", got, want)
	}
}

func TestKeysOfTurns(t *testing.T) {
	s := Random()
	now, later := keysOf(t, s, "imaps", noon), keysOf(t, s, "imaps", noon.Add(Turn))
	if len(now) != Kept+1 {
		t.Fatalf("%d keys", len(now))
	}
	if later[1] != now[0] || later[2] != now[1] || now[Kept] != later[0] {
		t.Error("the keys of two turns do not overlap")
	}
	if slices.Contains(keysOf(t, s, "imaps", noon.Add(Kept*Turn)), now[0]) {
		t.Error("a key is kept for too long")
	}
	if !slices.Equal(keysOf(t, s, "imaps", noon.Add(time.Minute)), now) {
		t.Error("the keys change within a turn")
	}
	for _, other := range [][][32]byte{keysOf(t, s, "pop3s", noon), keysOf(t, Random(), "imaps", noon)} {
		for _, key := range other {
			if slices.Contains(now, key) {
				t.Error("another name or secret has the same key")
			}
		}
	}
}

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		strings.Repeat("x", 32) + "\n":  "",
		strings.Repeat("x", 4096):       "",
		strings.Repeat("x", 31) + "\n":  "has 31 bytes, less than 32",
		"":                              "has 0 bytes",
		strings.Repeat("x", 4097):       "more than 4096",
		strings.Repeat(" ", 50) + "key": "has 3 bytes",
	} {
		s, err := Parse([]byte(text))
		switch {
		case want == "" && (err != nil || string(s) != strings.TrimSpace(text)):
			t.Errorf("%d bytes: %v", len(text), err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%d bytes: %v, want %q", len(text), err, want)
		}
	}
}

// server is an instance with a ring and a listener.
type server struct {
	ring   *Ring
	config *tls.Config
}

func newServer(t *testing.T, s Secret, name string, cert tls.Certificate, version uint16) server {
	t.Helper()
	p, err := tlspolicy.Named("strict")
	if err != nil {
		t.Fatal(err)
	}
	config := p.Config()
	config.MaxVersion = version
	config.Certificates = []tls.Certificate{cert}
	ring := NewRing(s)
	if err := ring.Add(name, config, noon); err != nil {
		t.Fatal(err)
	}
	return server{ring, config}
}

// resumes connects a client and reports whether its session was resumed.
func (s server) resumes(t *testing.T, client *tls.Config) bool {
	t.Helper()
	a, b := net.Pipe()
	defer a.Close()
	deadline := time.Now().Add(20 * time.Second)
	_, _ = a.SetDeadline(deadline), b.SetDeadline(deadline)
	go func() {
		conn := tls.Server(b, s.config)
		_, _ = conn.Write([]byte("x")) // behind it the client has its ticket
		_ = conn.Close()
	}()
	conn := tls.Client(a, client)
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return conn.ConnectionState().DidResume
}

func TestInstancesResumeEachOthersSessions(t *testing.T) {
	ca := authority.New(t)
	cert := ca.ECDSA(t, "mail.example.com")
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tlspolicy.Version(version).String(), func(t *testing.T) {
			s := Random()
			one, two := newServer(t, s, "imaps", cert, version), newServer(t, s, "imaps", cert, version)
			pop3, unrelated := newServer(t, s, "pop3s", cert, version), newServer(t, Random(), "imaps", cert, version)
			fresh := func(from server) *tls.Config {
				client := &tls.Config{RootCAs: ca.Pool, ServerName: "mail.example.com", ClientSessionCache: tls.NewLRUClientSessionCache(1)}
				if from.resumes(t, client) {
					t.Fatal("the first session is resumed")
				}
				return client
			}
			if !two.resumes(t, fresh(one)) {
				t.Error("the other instance does not resume")
			}
			if pop3.resumes(t, fresh(one)) {
				t.Error("a session of imaps is resumed on pop3s")
			}
			if unrelated.resumes(t, fresh(one)) {
				t.Error("a session is resumed with another secret")
			}

			client := fresh(one)
			for _, r := range []*Ring{two.ring, two.ring} {
				if err := r.Advance(noon.Add(2 * Turn)); err != nil {
					t.Fatal(err)
				}
			}
			if !two.resumes(t, client) {
				t.Error("a ticket does not last for two turns")
			}
			client = fresh(one)
			if err := two.ring.Advance(noon.Add(Kept * Turn)); err != nil {
				t.Fatal(err)
			}
			if two.resumes(t, client) {
				t.Error("a ticket lasts for more than its turns")
			}
			if err := two.ring.Advance(noon); err != nil {
				t.Fatal(err)
			}
			client = fresh(one)
			if err := two.ring.Use(Random(), noon); err != nil {
				t.Fatal(err)
			}
			if two.resumes(t, client) {
				t.Error("a ticket outlives its secret")
			}
			// An instance whose clock is ahead has begun the next turn.
			ahead := newServer(t, s, "imaps", cert, version)
			if err := ahead.ring.Advance(noon.Add(Turn)); err != nil {
				t.Fatal(err)
			}
			if !one.resumes(t, fresh(ahead)) {
				t.Error("a clock that is ahead costs the session")
			}
		})
	}
}

func TestOneConfigurationHasOneName(t *testing.T) {
	r, config := NewRing(Random()), &tls.Config{}
	if err := r.Add("imaps", config, noon); err != nil {
		t.Fatal(err)
	}
	if err := r.Add("pop3s", config, noon); !errors.Is(err, ErrShared) {
		t.Error(err)
	}
}
