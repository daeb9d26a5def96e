package acme

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/mholt/acmez/v3"

	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/web"
	"github.com/letterlock/letterlock/tlspolicy"
)

// server is a socket with its web server.
type server struct {
	*web.Server
	address string // the requested address
	tcp     *net.TCPListener
	tls     bool
}

// Listen opens the sockets for challenges, all or none. The previous Keeper
// before, which may be nil, passes on its sockets on the same addresses, so
// that both have them: it must be closed before this one serves.
func (k *Keeper) Listen(before *Keeper) error {
	if k.o.HTTP != "" {
		if err := k.open(k.o.HTTP, before, k.answers, nil); err != nil {
			return err
		}
	}
	if k.o.TLSALPN != "" {
		config, err := k.tlsConfig()
		if err != nil {
			return err
		}
		return k.open(k.o.TLSALPN, before, http.HandlerFunc(k.serveSite), config)
	}
	return nil
}

// serveSite answers for the site that a request names. The client may have requested the
// certificate of another one: all are this server's.
func (k *Keeper) serveSite(w http.ResponseWriter, r *http.Request) {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	site := k.o.Sites[siteName(host)]
	if site == nil {
		site = http.NotFoundHandler()
	}
	site.ServeHTTP(w, r)
}

// siteName returns the form of a name that Sites have.
func siteName(host string) string { return strings.ToLower(strings.TrimSuffix(host, ".")) }

func (k *Keeper) open(address string, before *Keeper, handler http.Handler, config *tls.Config) error {
	tcp, err := k.socket(address, before)
	if err != nil {
		k.closeChallenges()
		return fmt.Errorf("listener for ACME challenges: %w", err)
	}
	o := web.Options{Name: "ACME challenges", Handler: handler, TLS: config, Limits: k.o.Limits, Log: k.o.Log}
	k.servers = append(k.servers, server{web.New(tcp, o), address, tcp, config != nil})
	return nil
}

// socket returns a copy of the previous Keeper's socket on an address, or a new
// one if it has none.
func (k *Keeper) socket(address string, before *Keeper) (*net.TCPListener, error) {
	if before != nil {
		for _, s := range before.servers {
			if s.address == address {
				return again(s.tcp)
			}
		}
	}
	listen := k.o.Listen
	if listen == nil {
		listen = func(address string) (net.Listener, error) { return net.Listen("tcp", address) }
	}
	socket, err := listen(address)
	if err != nil {
		return nil, err
	}
	tcp, ok := socket.(*net.TCPListener)
	if !ok {
		_ = socket.Close()
		return nil, errNoTCP
	}
	return tcp, nil
}

var errNoTCP = errors.New("the socket is not a TCP socket")

// Sockets returns the open sockets and their requested addresses.
func (k *Keeper) Sockets() (addresses []string, all []net.Listener) {
	for _, s := range k.servers {
		addresses, all = append(addresses, s.address), append(all, s.tcp)
	}
	return addresses, all
}

// again returns the same socket with another descriptor: it stays open when the
// first is closed, and so do the waiting connections.
func again(l *net.TCPListener) (*net.TCPListener, error) {
	f, err := l.File()
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	copied, err := net.FileListener(f)
	if err != nil {
		return nil, err
	}
	return copied.(*net.TCPListener), nil
}

// Addresses returns the addresses of the open HTTP-01 and TLS-ALPN-01
// listeners, for tests with port 0.
func (k *Keeper) Addresses() []net.Addr {
	addresses := make([]net.Addr, len(k.servers))
	for i, s := range k.servers {
		addresses[i] = s.Addr()
	}
	return addresses
}

func (k *Keeper) serveChallenges() {
	for _, s := range k.servers {
		s.Serve()
	}
}

func (k *Keeper) closeChallenges() {
	for _, s := range k.servers {
		_ = s.Close()
	}
}

// tlsConfig returns the certificate for the CA's challenge, and for clients that request
// the name of a site. All others get the alert unrecognized_name.
func (k *Keeper) tlsConfig() (*tls.Config, error) {
	policy, err := tlspolicy.Named("strict")
	if err != nil {
		return nil, err
	}
	config := policy.Config(acmez.ACMETLS1Protocol)
	if len(k.o.Sites) > 0 {
		config.NextProtos = append(config.NextProtos, "http/1.1")
	}
	config.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if slices.Equal(hello.SupportedProtos, []string{acmez.ACMETLS1Protocol}) {
			// Without an answer crypto/tls sends unrecognized_name.
			return k.answers.certificate(hello.Context(), hello.ServerName, k.table.has), nil
		}
		name := siteName(hello.ServerName)
		if k.o.Sites[name] == nil {
			return nil, nil // crypto/tls sends unrecognized_name
		}
		return certs.NewStore(k.table.list([]string{name})).Get(policy)(hello)
	}
	return config, nil
}
