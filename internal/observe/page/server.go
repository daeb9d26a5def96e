package page

import (
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"

	"github.com/letterlock/letterlock/internal/web"
)

// NewServer returns a server of handler on a socket, which belongs to it from then
// on. It speaks plaintext if secure is nil.
func NewServer(socket net.Listener, handler http.Handler, secure *tls.Config, limits web.Limits, log *slog.Logger) *web.Server {
	return web.New(socket, web.Options{Name: "status page", Handler: handler, TLS: secure, Limits: limits, Log: log})
}
