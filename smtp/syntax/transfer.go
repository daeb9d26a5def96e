package syntax

import (
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// StartText asks the client for the text of a message (RFC 5321 §4.1.1.4).
const StartText = "354 End data with <CR><LF>.<CR><LF>\r\n"

// Transfer moves the text that a client sends after DATA to a backend, or to a
// spool.
type Transfer struct {
	Client  *wire.Stream
	Backend *wire.Stream // flushed before the transfer waits for the client; nil: there is none yet

	// Write takes the next part of the text: run, and after it tail. It is not
	// called again after an error.
	Write func(run []byte, tail string) error

	// Ended is called when the client has sent the end of the text, before that
	// end is written.
	Ended func() error

	Size int64 // bytes of text that the client has sent
}

// Run moves the text up to its end, the final dot included. After an error of
// Write it reads the rest of the text and drops it, so that the client can get a
// reply, and returns that error as writeErr. Irregular text had a bare CR or LF,
// or a NUL; see Text.
func (t *Transfer) Run() (irregular bool, writeErr, err error) {
	var text Text
	for end := false; !end; {
		src, err := NextText(t.Client, t.Backend)
		if err != nil {
			return false, nil, err
		}
		run, tail, used, ended := text.Next(src)
		if ended {
			if err := t.Ended(); err != nil {
				return false, nil, err
			}
		}
		if writeErr == nil {
			writeErr = t.Write(run, tail)
		}
		t.Client.Discard(used)
		t.Size += int64(used)
		end = ended
	}
	t.Size -= int64(len(Dot))
	return text.Irregular, writeErr, nil
}

// NextText returns bytes that the client has sent, at least one. Before it waits
// for the client it flushes what the backend has not been sent yet. An error of
// that flush stays on the connection, and the next write returns it.
func NextText(client, backend *wire.Stream) ([]byte, error) {
	if client.Buffered() == 0 && backend != nil {
		_ = backend.Flush()
	}
	src, err := client.Peek()
	if err != nil {
		return nil, gate.FromClient(err)
	}
	return src, nil
}

// WriteText writes a part of a text to a backend; see Transfer.Write.
func WriteText(back *wire.Stream, run []byte, tail string) error {
	if len(run) > 0 {
		if _, err := back.Write(run); err != nil {
			return err
		}
	}
	back.Print(tail)
	return nil
}
