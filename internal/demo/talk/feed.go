package talk

import (
	"bytes"
	"net"
	"time"
)

// Feed runs a server with the whole input of a client and returns the server's
// output.
func Feed(serve func(net.Conn), input []byte) []byte {
	c := &canned{input: bytes.NewReader(input)}
	serve(c)
	return c.output.Bytes()
}

// canned is a connection to a client that has sent its whole input and closed
// its half.
type canned struct {
	net.Conn // nil: only the methods below are called

	input  *bytes.Reader
	output bytes.Buffer
}

func (c *canned) Read(p []byte) (int, error)       { return c.input.Read(p) }
func (c *canned) Write(p []byte) (int, error)      { return c.output.Write(p) }
func (c *canned) Close() error                     { return nil }
func (c *canned) SetReadDeadline(time.Time) error  { return nil }
func (c *canned) SetWriteDeadline(time.Time) error { return nil }
