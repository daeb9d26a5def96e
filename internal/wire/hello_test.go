package wire

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"testing"
)

// spoken is a connection with fixed input.
type spoken struct {
	net.Conn
	readBy
}

func (s *spoken) Read(p []byte) (int, error) { return s.readBy.Read(p) }

// crypto/tls receives the same bytes for any input in any pieces, except that a
// ClientHello is divided into records of at most maxPiece bytes.
func FuzzHello(f *testing.F) {
	f.Add(append([]byte{22, 3, 1, 0x05, 0xdc}, noise(1600)...), uint16(7), uint16(571))
	f.Add(append([]byte{22, 3, 1, 0x05, 0xdc}, noise(900)...), uint16(2000), uint16(1))
	f.Add([]byte("EHLO a\r\n"), uint16(1), uint16(5))
	f.Add([]byte{22, 3, 1, 0, 0, 1}, uint16(6), uint16(100))
	f.Fuzz(func(t *testing.T, sent []byte, comes, asked uint16) {
		comes = max(comes, 1)
		r := NewRecords(&spoken{readBy: readBy{bytes.NewReader(sent), int(comes)}})
		got, err := io.ReadAll(&readBy{r, max(int(asked), recordHeader+1)})
		if err != nil {
			t.Fatal(err)
		}
		if len(sent) >= recordHeader && comes >= recordHeader && sent[0] == handshake {
			if n := int(binary.BigEndian.Uint16(sent[3:])); n > 0 && n <= maxPlaintext {
				got = append(bytes.Clone(sent[:recordHeader]), joinedTo(t, got, sent[:3], n)...)
			}
		}
		if !bytes.Equal(got, sent) {
			t.Fatalf("% x became % x", sent, got)
		}
	})
}

// joinedTo joins the pieces of a record of n bytes, as far as they have
// arrived, and appends the bytes after them.
func joinedTo(t *testing.T, b, head []byte, n int) (payload []byte) {
	t.Helper()
	for n > 0 && len(b) > 0 {
		k := int(binary.BigEndian.Uint16(b[3:]))
		if !bytes.Equal(b[:3], head) || k == 0 || k > maxPiece || k > n {
			t.Fatalf("a record of %d bytes, % x", k, b[:recordHeader])
		}
		payload = append(payload, b[recordHeader:recordHeader+k]...)
		b, n = b[recordHeader+k:], n-k
	}
	return append(payload, b...)
}
