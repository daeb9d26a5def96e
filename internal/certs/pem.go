package certs

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxPEM is the maximum size of a file, in bytes. A chain has a few KiB, and
// the authorities of a system a few hundred.
const maxPEM = 1 << 20

// block is a block of a PEM file, and the line in which it begins.
type block struct {
	*pem.Block
	line int
}

// pemFile is the content of a PEM file.
type pemFile struct {
	text   []byte
	blocks []block
	rest   int // the position after the last block
}

// readPEM returns the blocks of a file. Package pem skips a block that is
// damaged or cut off, as in a file that is being written, and the remains of
// one; readPEM reports them.
func readPEM(name string) (*pemFile, error) {
	text, err := readBounded(name)
	if err != nil {
		return nil, err
	}
	f := &pemFile{text: text}
	for {
		found, rest := pem.Decode(text[f.rest:])
		if found == nil {
			break
		}
		end := len(text) - len(rest)
		begin := f.rest + max(bytes.LastIndex(text[f.rest:end], begins), 0)
		if err := f.intact(f.rest, begin); err != nil {
			return nil, err
		}
		f.blocks = append(f.blocks, block{found, f.line(begin)})
		f.rest = end
	}
	if err := f.intact(f.rest, len(text)); err != nil {
		return nil, err
	}
	if len(f.blocks) == 0 {
		return nil, errors.New("the file is not PEM: it has no -----BEGIN line")
	}
	return f, nil
}

// readBounded reads a file that is not empty.
func readBounded(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, withoutPath(err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxPEM+1))
	switch {
	case err != nil:
		return nil, withoutPath(err)
	case len(text) > maxPEM:
		return nil, errors.New("the file is larger than 1 MiB")
	case len(text) == 0:
		return nil, errors.New("the file is empty")
	}
	return bytes.TrimPrefix(text, byteOrderMark), nil
}

// withoutPath removes the file's name, which the caller adds.
func withoutPath(err error) error {
	if path, ok := errors.AsType[*os.PathError](err); ok {
		return path.Err
	}
	return err
}

var (
	byteOrderMark = []byte("\uFEFF") // some editors write it
	begins        = []byte("-----BEGIN ")
	borders       = []byte("-----")
)

// intact reports the remains of a block in text outside of blocks, where only
// comments are allowed.
func (f *pemFile) intact(from, to int) error {
	at := from
	for line := range bytes.Lines(f.text[from:to]) {
		if bytes.HasPrefix(line, borders) || bytes.Contains(line, begins) {
			return fmt.Errorf("the PEM block at line %d is damaged or cut off", f.line(at))
		}
		at += len(line)
	}
	return nil
}

// line returns the number of the line that contains a byte.
func (f *pemFile) line(at int) int { return 1 + bytes.Count(f.text[:at], []byte("\n")) }
