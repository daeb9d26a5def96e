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

	"github.com/letterlock/letterlock/internal/testca"
)

// counted counts the system calls that a connection costs.
type counted struct {
	net.Conn
	reads, writes int
}

func (c *counted) Read(p []byte) (int, error) {
	c.reads++
	return c.Conn.Read(p)
}

func (c *counted) Write(p []byte) (int, error) {
	c.writes++
	return c.Conn.Write(p)
}

// secure returns both ends of a TLS session, the server's on Records.
func secure(t *testing.T) (*tls.Conn, *Records, *counted, *tls.Conn) {
	t.Helper()
	c, peer := pair(t, generous)
	below := &counted{Conn: c.raw}
	records := NewRecords(below)
	ca := testca.New(t)
	server := tls.Server(records, &tls.Config{Certificates: []tls.Certificate{ca.ECDSA(t, "mail.example.com")}, DynamicRecordSizingDisabled: true})
	client := tls.Client(peer, &tls.Config{RootCAs: ca.Pool, ServerName: "mail.example.com"})
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
	before := below.reads
	for {
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
	}
}

// A wait that ends in the middle of a record loses nothing of it.
func TestRecordsSurviveTimeouts(t *testing.T) {
	server, records, _, client := secure(t)
	text := noise(3 * recordSize)
	go func() {
		for i := 0; i < len(text); i += 1000 {
			_, _ = client.Write(text[i:min(i+1000, len(text))])
			time.Sleep(time.Millisecond)
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
