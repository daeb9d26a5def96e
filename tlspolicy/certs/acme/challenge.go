package acme

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/net/netutil"

	"github.com/letterlock/letterlock/tlspolicy"
	"github.com/letterlock/letterlock/tlspolicy/certs"
)

// server is a socket and what serves it.
type server struct {
	address string // as it was asked for
	tcp     *net.TCPListener
	socket  net.Listener // the same, with a limit
	http    *http.Server
	tls     bool
}

// Bounds of the listeners, which the whole world may call.
const (
	webTimeout = 10 * time.Second
	webHeader  = 8 << 10 // bytes
	webClients = 128     // connections at once, on each listener
)

// Listen opens the sockets for challenges, all or none. A Keeper before, which
// may be nil, passes on those that it has on the same addresses, so that both
// have them: it is to be closed before this one serves.
func (k *Keeper) Listen(before *Keeper) error {
	if k.o.HTTP != "" {
		// That the handler is asked for is how autocert knows of it.
		handler := k.auto.HTTPHandler(http.NotFoundHandler())
		if err := k.open(k.o.HTTP, before, &http.Server{Handler: handler}, false); err != nil {
			return err
		}
	}
	if k.o.TLSALPN != "" {
		config, err := k.tlsConfig()
		if err != nil {
			return err
		}
		handler := k.o.Site
		if handler == nil {
			handler = http.NotFoundHandler()
		}
		return k.open(k.o.TLSALPN, before, &http.Server{Handler: handler, TLSConfig: config}, true)
	}
	return nil
}

func (k *Keeper) open(address string, before *Keeper, s *http.Server, tls bool) error {
	tcp, err := before.pass(address)
	if err != nil {
		k.closeChallenges()
		return fmt.Errorf("listener for ACME challenges: %w", err)
	}
	s.ReadTimeout, s.WriteTimeout, s.IdleTimeout = webTimeout, webTimeout, webTimeout
	s.MaxHeaderBytes = webHeader
	s.ErrorLog = slog.NewLogLogger(k.o.Log.Handler(), slog.LevelDebug)
	k.servers = append(k.servers, server{address, tcp, netutil.LimitListener(tcp, webClients), s, tls})
	return nil
}

// pass returns a copy of the socket that the Keeper has on an address, or a new
// one if it has none.
func (k *Keeper) pass(address string) (*net.TCPListener, error) {
	if k != nil {
		for _, s := range k.servers {
			if s.address == address {
				return again(s.tcp)
			}
		}
	}
	socket, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	return socket.(*net.TCPListener), nil
}

// again is the same socket with another descriptor: it stays open when the
// first is closed, and so do the connections that wait.
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

// Addresses are those of the HTTP-01 and the TLS-ALPN-01 listener, of those
// that are open; useful where port 0 was asked for.
func (k *Keeper) Addresses() []net.Addr {
	addresses := make([]net.Addr, len(k.servers))
	for i, s := range k.servers {
		addresses[i] = s.socket.Addr()
	}
	return addresses
}

func (k *Keeper) serveChallenges() {
	for _, s := range k.servers {
		k.running.Go(func() {
			// Both end with http.ErrServerClosed.
			if s.tls {
				_ = s.http.ServeTLS(s.socket, "", "")
			} else {
				_ = s.http.Serve(s.socket)
			}
		})
	}
}

func (k *Keeper) closeChallenges() {
	for _, s := range k.servers {
		_ = s.http.Close()
		_ = s.socket.Close() // was perhaps never served
	}
}

// tlsConfig serves the CA its challenge and, if there is a site, browsers and
// mail servers that ask for one of its names. All others hear that the name is
// unknown.
func (k *Keeper) tlsConfig() (*tls.Config, error) {
	policy, err := tlspolicy.Named("strict")
	if err != nil {
		return nil, err
	}
	config := policy.Config(acme.ALPNProto)
	if k.o.Site != nil {
		config.NextProtos = append(config.NextProtos, "http/1.1")
	}
	config.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if slices.Equal(hello.SupportedProtos, []string{acme.ALPNProto}) {
			return k.auto.GetCertificate(hello)
		}
		name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
		if k.o.Site == nil || !slices.Contains(k.o.SiteHosts, name) {
			return nil, nil // crypto/tls answers unrecognized_name
		}
		return certs.NewStore(k.table.list([]string{name})).Get(policy)(hello)
	}
	return config, nil
}
