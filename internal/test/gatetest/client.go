package gatetest

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"

	"github.com/letterlock/letterlock/internal/wire"
)

// Client is a client whose commands are given in advance, and are read in
// pieces.
type Client struct {
	net.Conn
	Text   []byte       // the commands
	Piece  func() int   // the size of the next piece; at least one byte is read
	Output bytes.Buffer // written to the client
}

var errNoTLS = errors.New("this client cannot make a handshake")

// Front returns the gate's side of the client, which cannot start TLS.
func (c *Client) Front() *wire.Stream { return c.FrontConn().ForGate() }

// FrontConn returns the proxy's side of the client.
func (c *Client) FrontConn() *wire.Conn {
	front := wire.New(c, limits)
	front.Handshake = func(net.Conn) (*tls.Conn, error) { return nil, errNoTLS }
	return front
}

func (c *Client) Read(p []byte) (int, error) {
	if len(c.Text) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), max(1, c.Piece()))], c.Text)
	c.Text = c.Text[n:]
	return n, nil
}

func (c *Client) Write(p []byte) (int, error) { return c.Output.Write(p) }

// SetReadDeadline does nothing: data in memory is available at once.
func (*Client) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing.
func (*Client) SetWriteDeadline(time.Time) error { return nil }
