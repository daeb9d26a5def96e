package web

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/letterlock/letterlock/internal/limit"
)

// The waits for a client. A request takes no longer than requestTimeout and
// answerTimeout together, whatever the client does.
const (
	headerTimeout  = 5 * time.Second // the TLS handshake, and the header of a request
	requestTimeout = 10 * time.Second
	answerTimeout  = 10 * time.Second
	idleTimeout    = 30 * time.Second // between two requests
	farewell       = time.Second      // for answers under way when the server is shut down

	// patience is the time after which the connection of an unfinished response
	// may be closed for others.
	patience  = time.Second
	maxHeader = 16 << 10 // bytes
)

// Options say what a Server serves, and to how many clients.
type Options struct {
	Name    string // what is served, for the log
	Handler http.Handler
	TLS     *tls.Config // nil: plaintext
	Limits  Limits
	Log     *slog.Logger
}

// Limits bound the connections of a Server.
type Limits struct {
	Connections int // in total
	PerClient   int // of one address, or IPv6 /64
}

func (l Limits) waiting() limit.Limits {
	return limit.Limits{Connections: l.Connections, PerClient: l.PerClient, Patience: patience}
}

// Server serves one socket.
type Server struct {
	name        string
	log         *slog.Logger
	listener    *limit.Listener
	http        http.Server
	stopped     atomic.Bool   // the socket was closed on purpose
	ending      chan struct{} // closed when the server accepts no more connections
	stopStreams func()        // closes ending, once
	ended       chan struct{} // nil: Serve was not called
}

// New returns a Server that owns the socket.
func New(socket net.Listener, o Options) *Server {
	s := &Server{name: o.Name, log: o.Log, listener: limit.NewListener(socket, o.Limits.waiting()), ending: make(chan struct{})}
	s.stopStreams = sync.OnceFunc(func() { close(s.ending) })
	s.listener.Full = (&alarm{server: s}).raise
	s.http = http.Server{
		Handler: working(o.Handler), TLSConfig: o.TLS, ConnContext: s.withConn,
		ReadHeaderTimeout: headerTimeout, ReadTimeout: requestTimeout, WriteTimeout: answerTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
		// HTTP/2 would multiply the requests of a connection, and no client
		// needs it.
		Protocols: new(http.Protocols),
	}
	s.http.Protocols.SetHTTP1(true)
	return s
}

// Addr returns the address of the server.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Socket returns the listening socket.
func (s *Server) Socket() net.Listener { return s.listener.Listener }

// SetLimits replaces the limits. Open connections stay.
func (s *Server) SetLimits(l Limits) { s.listener.SetLimits(l.waiting()) }

// Serve starts to serve until Close or Shutdown, and returns at once.
func (s *Server) Serve() {
	s.ended = make(chan struct{})
	go func() {
		defer close(s.ended)
		if err := s.serve(); !errors.Is(err, http.ErrServerClosed) && !s.stopped.Load() {
			s.log.Error(s.name+": the listener has failed", "address", s.Addr().String(), "error", err)
		}
	}()
}

func (s *Server) serve() error {
	if s.http.TLSConfig != nil {
		return s.http.ServeTLS(s.listener, "", "")
	}
	return s.http.Serve(s.listener)
}

// StopAccepting closes the socket at once, so that another process can use it.
// Requests that have begun are answered.
func (s *Server) StopAccepting() {
	s.stopped.Store(true)
	s.stopStreams()
	_ = s.listener.Close()
	s.http.SetKeepAlivesEnabled(false)
}

// Close closes the socket and all connections.
func (s *Server) Close() error {
	s.stopStreams()
	err := s.http.Close()
	s.wait()
	return err
}

// Shutdown closes the socket at once. It closes the connections when the
// current answers are complete, or after a second.
func (s *Server) Shutdown() error {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	s.stopStreams()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = s.http.Close()
	}
	s.wait()
	return err
}

// wait returns when the server accepts no more connections.
func (s *Server) wait() {
	_ = s.listener.Close() // http.Server closes it only while it serves
	if s.ended != nil {
		<-s.ended
	}
}

// The keys of the connection and of the end of the server in a request's context.
type (
	connKey   struct{}
	endingKey struct{}
)

// Ending returns a channel that is closed when the server of a request accepts no
// more connections: then an answer without an end must end.
func Ending(ctx context.Context) <-chan struct{} {
	ending, _ := ctx.Value(endingKey{}).(chan struct{})
	return ending
}

func (s *Server) withConn(ctx context.Context, c net.Conn) context.Context {
	ctx = context.WithValue(ctx, endingKey{}, s.ending)
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	return context.WithValue(ctx, connKey{}, c)
}

// working marks the connection of a request as at work, not idle, while next
// answers.
func working(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(connKey{}).(*limit.Conn); ok {
			c.Work(true)
			defer c.Work(false)
		}
		next.ServeHTTP(w, r)
	})
}
