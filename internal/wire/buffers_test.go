package wire

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
)

// useLarge takes all large buffers until the test ends.
func useLarge(t *testing.T) {
	t.Helper()
	for i := range MaxLarge {
		b := TakeLarge()
		if b == nil {
			t.Fatalf("%d large buffers are in use before the test", MaxLarge-i)
		}
		t.Cleanup(b.Give)
	}
	if b := TakeLarge(); b != nil {
		b.Give()
		t.Fatalf("more than %d large buffers are in use", MaxLarge)
	}
}

// The memory of large buffers is bounded, however many sessions want one.
func TestLargeBuffersAreBounded(t *testing.T) {
	t.Run("all in use", useLarge)
	t.Run("all free again", useLarge)
}

// Without a free large buffer bulk data goes on, in smaller pieces.
func TestBulkWithoutLargeBuffer(t *testing.T) {
	useLarge(t)
	data := noise(1 << 20)
	t.Run("written", func(t *testing.T) {
		server, records, _, client := secure(t)
		go func() {
			for i := 0; i < len(data); i += Bulk {
				_, _ = records.WriteAll(server, data[i:i+Bulk])
			}
			_ = server.CloseWrite()
		}()
		if got, err := io.ReadAll(client); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes of %d, %v", len(got), len(data), err)
		}
	})
	t.Run("read", func(t *testing.T) {
		server, records, _, client := secure(t)
		go func() {
			_, _ = client.Write(data)
			_ = client.CloseWrite()
		}()
		var got bytes.Buffer
		_, err := io.CopyBuffer(struct{ io.Writer }{&got}, struct{ io.Reader }{&bulkReader{Records: records, session: server}}, make([]byte, Bulk))
		if err != nil || !bytes.Equal(got.Bytes(), data) {
			t.Errorf("%d bytes of %d, %v", got.Len(), len(data), err)
		}
	})
	t.Run("message", func(t *testing.T) {
		c, peer := pair(t, generous)
		sent := strings.Repeat("0123456789abcdef", 64<<10/16)
		send(t, peer, sent)
		if got, large := text(t, c, len(sent)); got != sent || large {
			t.Errorf("%d bytes of %d, in a large buffer: %v", len(got), len(sent), large)
		}
	})
}

// bulkReader reads from a TLS session in bulk.
type bulkReader struct {
	*Records
	session net.Conn
	left    int // bytes that were read ahead and not used, over all reads
}

func (r *bulkReader) Read(p []byte) (int, error) {
	n, err := r.ReadAll(r.session, p)
	r.left += len(r.ahead)
	return n, err
}

// ReadAll uses all bytes that it has read ahead, for records of any size that arrive in
// any pieces. The large buffer is free afterwards.
func TestReadAllUsesWhatItReadAhead(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 2))
	for range 20 {
		server, records, _, client := secure(t)
		data := noise(1 << 20)
		go func() {
			for rest := data; len(rest) > 0; {
				n := min(len(rest), 1+random.IntN(1+random.IntN(3*recordSize)))
				_, _ = client.Write(rest[:n])
				rest = rest[n:]
			}
			_ = client.CloseWrite()
		}()
		r := &bulkReader{Records: records, session: server}
		var got bytes.Buffer
		if _, err := io.CopyBuffer(struct{ io.Writer }{&got}, struct{ io.Reader }{r}, make([]byte, Bulk)); err != nil || !bytes.Equal(got.Bytes(), data) {
			t.Fatalf("%d bytes of %d, %v", got.Len(), len(data), err)
		}
		if r.left > 0 || records.large != nil {
			t.Fatalf("%d bytes are left ahead", r.left)
		}
	}
}
