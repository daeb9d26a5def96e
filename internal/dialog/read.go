package dialog

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"regexp"
)

var (
	errDialled   = errors.New("the backend was dialled")
	errClearText = errors.New("plaintext was sent after the command that starts TLS")
	errHandshake = errors.New("the handshake succeeded")
)

// readLine reads a line, which the pattern must match completely.
func readLine(r *bufio.Reader, pattern string) error {
	line, err := r.ReadString('\n')
	if err != nil {
		return fmt.Errorf("read %q, then %w", line, err)
	}
	re, err := regexp.Compile(`^(?s:` + pattern + `)\r\n$`)
	if err != nil {
		return err
	}
	if !re.MatchString(line) {
		return fmt.Errorf("read %q", line)
	}
	return nil
}

// ended checks that the connection has ended, with nothing sent before.
func ended(r *bufio.Reader) error {
	line, err := r.ReadString('\n')
	var timeout net.Error
	if line != "" || err == nil || errors.As(err, &timeout) && timeout.Timeout() {
		return fmt.Errorf("read %q (%v), not the end of the connection", line, err)
	}
	return nil
}
