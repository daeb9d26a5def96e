package probe

import "net"

// Plaintext is a connection that must not stay plaintext: StartTLS starts TLS
// on it once the backend has agreed.
type Plaintext interface {
	net.Conn
	StartTLS() (net.Conn, error)
}

// secure starts TLS if it is configured.
func (p *prober) secure() error {
	if p.plaintext == nil {
		return nil
	}
	err := p.Conn.StartTLS(func(net.Conn) (net.Conn, error) { return p.plaintext.StartTLS() })
	p.plaintext = nil
	return err
}
