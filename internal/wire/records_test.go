package wire

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/authority"
)

// counted counts the system calls on a connection.
type counted struct {
	net.Conn
	reads, writes int
}

func (c *counted) Read(p []byte) (int, error) {
	c.reads++
	return c.Conn.Read(p)
}

// ReadNow is not counted.
func (c *counted) ReadNow(p []byte) (int, error) { return readNow(c.Conn, p) }

func (c *counted) Write(p []byte) (int, error) {
	c.writes++
	return c.Conn.Write(p)
}

// halved keeps back the second half of each write, if on is set.
type halved struct {
	net.Conn
	on   bool
	rest []byte
}

func (h *halved) Write(p []byte) (int, error) {
	if !h.on {
		return h.Conn.Write(p)
	}
	h.rest = bytes.Clone(p[len(p)/2:])
	_, err := h.Conn.Write(p[:len(p)/2])
	return len(p), err
}

// secure returns both ends of a TLS session, the server's on Records.
func secure(t *testing.T) (*tls.Conn, *Records, *counted, *tls.Conn) {
	t.Helper()
	c, peer := pair(t, generous)
	below := &counted{Conn: c.raw}
	records := NewRecords(below)
	ca := authority.New(t)
	server := tls.Server(records, &tls.Config{Certificates: []tls.Certificate{ca.ECDSA(t, "mail.example.com")}, DynamicRecordSizingDisabled: true})
	client := tls.Client(&halved{Conn: peer}, &tls.Config{RootCAs: ca.Pool, ServerName: "mail.example.com"})
	go func() { _ = client.Handshake() }()
	if err := server.Handshake(); err != nil {
		t.Fatal(err)
	}
	if Under(server) != records {
		t.Fatal("the records are not found under the session")
	}
	return server, records, below, client
}

func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{9}).Read(b)
	return b
}

func TestRecordsAreWrittenTogether(t *testing.T) {
	server, records, below, client := secure(t)
	text := noise(Bulk)
	before := below.writes
	got := make(chan []byte)
	go func() {
		b := make([]byte, len(text))
		_, _ = io.ReadFull(client, b)
		got <- b
	}()
	if n, err := records.WriteAll(server, text); n != len(text) || err != nil {
		t.Fatal(n, err)
	}
	if !bytes.Equal(<-got, text) {
		t.Fatal("the text has changed")
	}
	if calls := below.writes - before; calls > 2 {
		t.Errorf("%d records cost %d system calls", Bulk/recordSize, calls)
	}
}

func TestRecordsAreReadTogether(t *testing.T) {
	server, records, below, client := secure(t)
	text := noise(4 << 20)
	go func() {
		_, _ = client.Write(text)
		_ = client.CloseWrite()
	}()
	var got []byte
	buffer := make([]byte, Bulk)
	before, parts := below.reads, 0
	for ; ; parts++ {
		n, err := records.ReadAll(server, buffer)
		got = append(got, buffer[:n]...)
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			break
		}
	}
	if !bytes.Equal(got, text) {
		t.Fatal("the text has changed")
	}
	if calls := below.reads - before; calls > len(text)/recordSize {
		t.Errorf("%d records cost %d system calls", len(text)/recordSize, calls)
	} else if parts > calls {
		t.Errorf("%d system calls read %d parts", calls, parts)
	}
}

// Small records that crypto/tls has read together are returned together.
func TestSmallRecordsAreReadTogether(t *testing.T) {
	server, records, below, client := secure(t)
	for _, line := range []string{"a text\r\n", "of some lines\r\n", ".\r\n"} {
		if _, err := client.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	buffer := make([]byte, smallBuffer)
	before := below.reads
	n, err := records.ReadAll(server, buffer)
	if want := "a text\r\nof some lines\r\n.\r\n"; string(buffer[:n]) != want || err != nil {
		t.Errorf("%q, %v; want %q", buffer[:n], err, want)
	}
	if calls := below.reads - before; calls > 1 {
		t.Errorf("%d system calls", calls)
	}
}

// An incomplete record is not waited for.
func TestHalfARecordIsNoReasonToWait(t *testing.T) {
	server, records, _, client := secure(t)
	below := client.NetConn().(*halved)
	below.on = true
	if _, err := client.Write([]byte("a line\r\n")); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, smallBuffer)
	if n, err := records.ReadReady(server, buffer); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%q, %v", buffer[:n], err)
	}
	if _, err := below.Conn.Write(below.rest); err != nil {
		t.Fatal(err)
	}
	if n, err := records.ReadReady(server, buffer); string(buffer[:n]) != "a line\r\n" || err != nil {
		t.Fatalf("%q, %v", buffer[:n], err)
	}
}

// A timeout in the middle of a record loses no bytes.
func TestRecordsSurviveTimeouts(t *testing.T) {
	server, records, _, client := secure(t)
	text := noise(3 * recordSize)
	go func() {
		for i := 0; i < len(text); i += 1000 {
			_, _ = client.Write(text[i:min(i+1000, len(text))])
			time.Sleep(time.Millisecond) // longer than the deadline below
		}
	}()
	var got []byte
	buffer := make([]byte, Bulk)
	for len(got) < len(text) {
		_ = records.SetReadDeadline(time.Now().Add(500 * time.Microsecond))
		n, err := records.ReadAll(server, buffer)
		got = append(got, buffer[:n]...)
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(got, text) {
		t.Fatal("the text has changed")
	}
}

// A large ClientHello reaches crypto/tls in pieces, whatever the pieces in
// which it arrives; other bytes are unchanged.
func TestHelloInPieces(t *testing.T) {
	record := append([]byte{22, 3, 1, 0x05, 0xdc}, noise(1500)...)
	for _, test := range []struct {
		name string
		sent []byte
		cut  bool
	}{
		{"ClientHello", record, true},
		{"followed by more", append(bytes.Clone(record), "more"...), true},
		{"plain text", []byte("EHLO client.example\r\n"), false},
		{"too long for a record", append([]byte{22, 3, 1, 0xff, 0xff}, noise(300)...), false},
		{"empty", []byte{22, 3, 1, 0, 0, 1}, false},
	} {
		for _, size := range []int{3, 7, 600, 5000} {
			if size < recordHeader && test.cut {
				continue // a header in pieces is not changed
			}
			t.Run(test.name, func(t *testing.T) {
				server, client := net.Pipe()
				go func() {
					for i := 0; i < len(test.sent); i += size {
						_, _ = client.Write(test.sent[i:min(i+size, len(test.sent))])
					}
					_ = client.Close()
				}()
				got, err := io.ReadAll(&readBy{NewRecords(server), 571})
				if err != nil {
					t.Fatal(err)
				}
				if test.cut {
					got = joined(t, got)
				}
				if !bytes.Equal(got, test.sent) {
					t.Fatalf("%d bytes became %d", len(test.sent), len(got))
				}
			})
		}
	}
}

// readBy is a reader with the buffer size of crypto/tls.
type readBy struct {
	io.Reader
	size int
}

func (r *readBy) Read(p []byte) (int, error) { return r.Reader.Read(p[:min(len(p), r.size)]) }

// joined joins the pieces into which Records has divided the first record.
func joined(t *testing.T, b []byte) []byte {
	t.Helper()
	var payload []byte
	head := bytes.Clone(b[:3])
	for len(payload) < 1500 {
		n := int(b[3])<<8 | int(b[4])
		if n > maxPiece || !bytes.Equal(b[:3], head) {
			t.Fatalf("a record of %d bytes, % x", n, b[:5])
		}
		payload = append(payload, b[recordHeader:recordHeader+n]...)
		b = b[recordHeader+n:]
	}
	return append(append(head, 0x05, 0xdc), append(payload, b...)...)
}
