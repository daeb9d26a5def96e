package status

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Bounds of the HTTP server. Every answer is small and made at once, so that
// only the client can be slow.
const (
	headerTimeout  = 5 * time.Second
	requestTimeout = 10 * time.Second
	answerTimeout  = 30 * time.Second
	idleTimeout    = 2 * time.Minute
	maxHeader      = 16 << 10
	goodbye        = time.Second
)

// Server serves a handler until it is closed.
type Server struct {
	http   http.Server
	socket net.Listener
	ended  chan struct{}
}

// Serve listens on address and serves handler. The page asks nobody for a
// password: address should be on loopback.
func Serve(address string, handler http.Handler, log *slog.Logger) (*Server, error) {
	socket, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("status page: %w", err)
	}
	s := &Server{socket: socket, ended: make(chan struct{}), http: http.Server{
		Handler: handler, ReadHeaderTimeout: headerTimeout, ReadTimeout: requestTimeout, WriteTimeout: answerTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}}
	go func() {
		defer close(s.ended)
		if err := s.http.Serve(socket); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the status page has ended", "error", err)
		}
	}()
	return s, nil
}

// Addr is where the server listens; useful where port 0 was asked for.
func (s *Server) Addr() net.Addr { return s.socket.Addr() }

// Close stops listening and returns when answers under way are given, or cut
// off after a second.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), goodbye)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = s.http.Close()
	}
	<-s.ended
	return err
}
