package wire

// Print buffers strings for the next Flush; it fails after a failed Flush.
func (c *Stream) Print(parts ...string) {
	if c.out == nil {
		c.out = make([]byte, 0, firstOut)
	}
	for _, s := range parts {
		c.out = append(c.out, s...)
	}
	if len(c.out) >= outBuffer {
		_ = c.Flush()
	}
}

// Write buffers p for the next Flush. Large pieces are sent at once.
func (c *Stream) Write(p []byte) (int, error) {
	if len(p) >= outBuffer {
		if err := c.Flush(); err != nil {
			return 0, err
		}
		return len(p), c.send(p)
	}
	c.out = append(c.out, p...)
	if len(c.out) >= outBuffer {
		return len(p), c.Flush()
	}
	return len(p), c.err
}

// Flush sends the buffered bytes. Its error is permanent: after a lost reply
// all later ones would be wrong.
func (c *Stream) Flush() error {
	if len(c.out) == 0 || c.err != nil {
		return c.err
	}
	err := c.send(c.out)
	if c.out = c.out[:0]; cap(c.out) > smallBuffer {
		c.out = nil
	}
	return err
}

func (c *Stream) send(p []byte) error {
	if c.err != nil || c.mute {
		return c.err
	}
	c.armWrite()
	n, err := c.conn.Write(p)
	c.sent.Add(int64(n))
	c.tap(Raw, p[:n])
	c.err = err
	return err
}
