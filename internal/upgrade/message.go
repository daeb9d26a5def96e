package upgrade

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// message is a message between the two processes. A process ignores fields
// that it does not know, so that both may have any version.
type message struct {
	Step    step            `json:"step"`
	Sockets []description   `json:"sockets,omitempty"`
	State   json.RawMessage `json:"state,omitempty"`
	Version string          `json:"version,omitempty"`
	Error   string          `json:"error,omitempty"`
}

type step string

const (
	sockets  step = "sockets"
	prepared step = "prepared"
	failed   step = "failed"
	state    step = "state"
	ready    step = "ready"
)

// description is one of the sockets that the new process has inherited. They have
// the descriptors from firstSocket on, in the order of the list.
type description struct {
	Name    string `json:"name"`
	Address string `json:"address,omitempty"`
	Systemd bool   `json:"systemd,omitempty"`
}

const (
	// MaxState bounds the state that a process passes on, in bytes.
	MaxState = 16 << 20

	maxMessage = MaxState + 1<<20
	maxError   = 4 << 10
)

// cut shortens the text of an error.
func cut(text string) string { return strings.ToValidUTF8(text[:min(len(text), maxError)], "") }

var errTooLong = errors.New("the message is too long")

func send(w io.Writer, m message) error {
	framed, err := frame(m)
	if err == nil {
		_, err = w.Write(framed)
	}
	return err
}

// frame returns a message with its length in front.
func frame(m message) ([]byte, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	if len(text) > maxMessage {
		return nil, errTooLong
	}
	framed := binary.BigEndian.AppendUint32(nil, uint32(len(text))) //nolint:gosec // checked above
	return append(framed, text...), nil
}

// receive reads one message. A process that has ended gives io.EOF.
func receive(r io.Reader) (m message, err error) {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return m, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n > maxMessage {
		return m, errTooLong
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return m, err
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("the message is damaged: %w", err)
	}
	return m, nil
}
