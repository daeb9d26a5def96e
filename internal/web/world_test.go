package web

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
)

const name = "www.example.com"

// usual are the default limits of the configuration.
var usual = Limits{Connections: 128, PerClient: 16}

// world is a server that answers "hello" on /, and a megabyte on /long.
type world struct {
	*Server
	t      *testing.T
	log    *wait.Log
	client *tls.Config // nil: plaintext
}

func newWorld(t *testing.T, secure bool) *world {
	w := &world{t: t, log: &wait.Log{}}
	o := Options{Name: "test", Handler: answers(), Limits: usual, Log: slog.New(slog.NewTextHandler(w.log, nil))}
	if secure {
		ca := authority.New(t)
		o.TLS = &tls.Config{Certificates: []tls.Certificate{ca.ECDSA(t, name)}}
		w.client = &tls.Config{RootCAs: ca.Pool, ServerName: name}
	}
	w.Server = New(loopback.Listen(t), o)
	w.Serve()
	t.Cleanup(func() { _ = w.Close() })
	return w
}

func answers() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	mux.HandleFunc("/long", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", 1<<20))
	})
	return mux
}

// wantServed expects an answer for a client with its own address.
func (w *world) wantServed(from string) {
	w.t.Helper()
	if err := w.get(from); err != nil {
		w.t.Errorf("%s is not served: %v", from, err)
	}
}

func (w *world) wantLog(words ...string) {
	w.t.Helper()
	for _, want := range words {
		if !strings.Contains(w.log.String(), want) {
			w.t.Errorf("no %q in the log: %s", want, w.log)
		}
	}
}

func (w *world) get(from string) error {
	scheme := "http"
	if w.client != nil {
		scheme = "https"
	}
	client := http.Client{Transport: &http.Transport{
		TLSClientConfig: w.client, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
			return dialer.DialContext(ctx, network, w.Addr().String())
		},
	}}
	res, err := client.Get(scheme + "://" + name + "/")
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	_, err = io.ReadAll(res.Body)
	return err
}
