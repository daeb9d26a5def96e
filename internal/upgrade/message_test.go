package upgrade

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
)

func TestMessages(t *testing.T) {
	var b bytes.Buffer
	if err := send(&b, message{Step: state, State: []byte(`{"a":1}`)}); err != nil {
		t.Fatal(err)
	}
	whole := bytes.Clone(b.Bytes())
	if m, err := receive(&b); err != nil || m.Step != state || string(m.State) != `{"a":1}` {
		t.Errorf("%+v, %v", m, err)
	}
	for n := range whole {
		if _, err := receive(bytes.NewReader(whole[:n])); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut after %d bytes: %v", n, err)
		}
	}
	long := binary.BigEndian.AppendUint32(nil, maxMessage+1)
	if _, err := receive(bytes.NewReader(long)); !errors.Is(err, errTooLong) {
		t.Error(err)
	}
	if err := send(io.Discard, message{Step: failed, Error: string(make([]byte, maxMessage))}); !errors.Is(err, errTooLong) {
		t.Error(err)
	}
	if _, err := receive(bytes.NewReader([]byte("\x00\x00\x00\x01{"))); err == nil {
		t.Error("half an object is a message")
	}
}

func FuzzReceive(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x02{}"))
	f.Add([]byte("\x00\x00\x00\x12{\"sockets\":[{},{}]}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 4 {
			b[0], b[1] = 0, 0 // else most lengths are beyond the input
		}
		m, err := receive(bytes.NewReader(b))
		if err == nil {
			if err := send(io.Discard, m); err != nil {
				t.Error(err)
			}
		}
	})
}
