package talk

import (
	"bytes"
	"net"
	"time"
)

// Feed gives a server everything its client will ever say and returns what
// the server answered.
func Feed(serve func(net.Conn), input []byte) []byte {
	c := &canned{input: bytes.NewReader(input)}
	serve(c)
	return c.output.Bytes()
}

// canned is a connection to a client that has said all and gone.
type canned struct {
	net.Conn // nil: what is not below is not called

	input  *bytes.Reader
	output bytes.Buffer
}

func (c *canned) Read(p []byte) (int, error)       { return c.input.Read(p) }
func (c *canned) Write(p []byte) (int, error)      { return c.output.Write(p) }
func (c *canned) Close() error                     { return nil }
func (c *canned) SetReadDeadline(time.Time) error  { return nil }
func (c *canned) SetWriteDeadline(time.Time) error { return nil }
