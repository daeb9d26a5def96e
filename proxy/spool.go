package proxy

import (
	"os"
	"sync/atomic"

	"github.com/letterlock/letterlock/internal/gate"
)

// spooled counts the bytes of the messages that all sessions hold.
type spooled struct {
	limit atomic.Int64 // bytes; 0: unlimited
	bytes atomic.Int64
}

// spool makes a file without a name: nothing is left of it, whatever happens.
func (ses *session) spool() (gate.Spool, error) {
	s := ses.server
	if !s.third.acquire() {
		return nil, gate.ErrSpoolFull
	}
	f, err := newSpool(&s.spooled)
	if err != nil {
		s.third.release()
		return nil, err
	}
	f.closed = s.third.release
	return f, nil
}

// file is one message that is held. Nothing is written to it but by Write.
type file struct {
	file   *os.File
	all    *spooled
	size   int64
	closed func()
}

func newSpool(all *spooled) (*file, error) {
	f, err := os.CreateTemp("", "letterlock-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		_ = f.Close()
		return nil, err
	}
	return &file{file: f, all: all}, nil
}

// Write implements io.Writer, within what all messages together may have.
func (f *file) Write(p []byte) (int, error) {
	n := int64(len(p))
	if limit := f.all.limit.Load(); f.all.bytes.Add(n) > limit && limit > 0 {
		f.all.bytes.Add(-n)
		return 0, gate.ErrSpoolFull
	}
	f.size += n
	return f.file.Write(p)
}

// WriteString implements io.StringWriter, as Write does.
func (f *file) WriteString(s string) (int, error) { return f.Write([]byte(s)) }

// Read implements io.Reader.
func (f *file) Read(p []byte) (int, error) { return f.file.Read(p) }

// Seek implements io.Seeker.
func (f *file) Seek(offset int64, whence int) (int64, error) { return f.file.Seek(offset, whence) }

// Close implements io.Closer, and frees the message's space.
func (f *file) Close() error {
	err := f.file.Close()
	f.all.bytes.Add(-f.size)
	f.size = 0
	if f.closed != nil {
		f.closed()
		f.closed = nil
	}
	return err
}
