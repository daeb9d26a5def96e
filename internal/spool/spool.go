// Package spool holds messages in files until a backend accepts them.
package spool

import (
	"os"
	"sync/atomic"

	"github.com/letterlock/letterlock/internal/gate"
)

// Spool bounds the bytes of all messages. The zero value has no bound.
type Spool struct {
	limit atomic.Int64 // 0: unlimited
	bytes atomic.Int64
}

// SetLimit sets the number of bytes of all messages; 0 is unlimited. Messages that
// are held stay.
func (s *Spool) SetLimit(bytes int64) { s.limit.Store(bytes) }

// File holds one message. Its bytes count until it is closed.
type File struct {
	file   *os.File
	spool  *Spool
	size   int64
	closed func()
}

// New returns an empty file. It has no name, so that nothing is left of it when the
// process ends. The file calls closed once, in Close.
func (s *Spool) New(closed func()) (*File, error) {
	f, err := os.CreateTemp("", "letterlock-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		_ = f.Close()
		return nil, err
	}
	return &File{file: f, spool: s, closed: closed}, nil
}

// Write implements io.Writer. It fails with gate.ErrSpoolFull if all messages together
// would exceed the limit.
func (f *File) Write(p []byte) (int, error) {
	n := int64(len(p))
	if limit := f.spool.limit.Load(); f.spool.bytes.Add(n) > limit && limit > 0 {
		f.spool.bytes.Add(-n)
		return 0, gate.ErrSpoolFull
	}
	f.size += n
	return f.file.Write(p)
}

// WriteString implements io.StringWriter, as Write does.
func (f *File) WriteString(s string) (int, error) { return f.Write([]byte(s)) }

// Read implements io.Reader.
func (f *File) Read(p []byte) (int, error) { return f.file.Read(p) }

// Seek implements io.Seeker.
func (f *File) Seek(offset int64, whence int) (int64, error) { return f.file.Seek(offset, whence) }

// Close implements io.Closer, and frees the space of the message.
func (f *File) Close() error {
	err := f.file.Close()
	f.spool.bytes.Add(-f.size)
	f.size = 0
	if f.closed != nil {
		f.closed()
		f.closed = nil
	}
	return err
}
