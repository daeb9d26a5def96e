package page

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"github.com/letterlock/letterlock/internal/web"
)

// Serve listens on address and serves handler, until the server is closed. The
// page has no password: address should be on loopback.
func Serve(address string, handler http.Handler, limits web.Limits, log *slog.Logger) (*web.Server, error) {
	socket, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("status page: %w", err)
	}
	s := web.New(socket, web.Options{Name: "status page", Handler: handler, Limits: limits, Log: log})
	s.Serve()
	return s, nil
}
