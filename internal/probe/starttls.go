package probe

import (
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strings"
)

// Clear is a connection that must not stay plaintext: StartTLS turns TLS on
// once the backend has agreed to it.
type Clear interface {
	net.Conn
	StartTLS() (net.Conn, error)
}

var errInjected = errors.New("it sends more plaintext behind its answer to STARTTLS")

// secure turns TLS on where it must be. A backend that agrees answers the
// command with a line that begins with ok.
func (v *visit) secure(command, ok string) error {
	if v.clear == nil {
		return nil
	}
	reply, err := v.exchange("%s", command)
	switch {
	case err != nil:
		return err
	case !strings.HasPrefix(strings.ToUpper(reply), ok):
		return fmt.Errorf("it answers %s with %.80q", command, reply)
	case v.R.Buffered() > 0:
		return errInjected
	}
	conn, err := v.clear.StartTLS()
	if err != nil {
		return err
	}
	v.clear, v.Conn = nil, textproto.NewConn(bounded(conn))
	return nil
}
