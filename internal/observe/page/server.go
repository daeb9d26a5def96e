package page

import (
	"log/slog"
	"net"
	"net/http"

	"github.com/letterlock/letterlock/internal/web"
)

// NewServer returns a server of handler on a socket, which belongs to it from then
// on. The page has no password: the socket should be on loopback.
func NewServer(socket net.Listener, handler http.Handler, limits web.Limits, log *slog.Logger) *web.Server {
	return web.New(socket, web.Options{Name: "status page", Handler: handler, Limits: limits, Log: log})
}
