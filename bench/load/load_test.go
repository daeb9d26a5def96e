//go:build linux

package load_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/bench/backend"
	"github.com/letterlock/letterlock/bench/load"
	"github.com/letterlock/letterlock/bench/peers"
	"github.com/letterlock/letterlock/internal/test/loopback"
)

// The test program runs itself as the generator, as bench does.
const generator = "LETTERLOCK_TEST_GENERATOR"

func TestMain(m *testing.M) {
	if os.Getenv(generator) != "" {
		if err := load.Serve(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// front terminates TLS in front of the backend.
type front map[string]string // addresses by protocol

func newFront(t *testing.T) front {
	t.Helper()
	var ports backend.Ports
	for _, port := range []*int{&ports.IMAP, &ports.POP3, &ports.SMTP, &ports.Auth} {
		*port = loopback.FreePort(t)
	}
	if err := backend.Serve(ports); err != nil {
		t.Fatal(err)
	}
	pair, err := peers.NewPair(filepath.Join(t.TempDir(), "pair"), "ecdsa", load.ServerName(0))
	if err != nil {
		t.Fatal(err)
	}
	cert, err := tls.LoadX509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	f := make(front)
	for protocol, port := range map[string]int{"imap": ports.IMAP, "pop3": ports.POP3, "smtp": ports.SMTP} {
		l := loopback.Listen(t)
		f[protocol] = l.Addr().String()
		loopback.Serve(tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}}), func(client net.Conn) { tunnel(client, port) })
	}
	return f
}

// tunnel copies the decrypted bytes to a port, and back.
func tunnel(client net.Conn, port int) {
	if err := client.(*tls.Conn).Handshake(); err != nil {
		return
	}
	server, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	go func() { _, _ = io.Copy(server, client) }()
	_, _ = io.Copy(client, server)
}

func start(job load.Job) (*load.Generator, error) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), generator+"=1")
	return load.Start(cmd, job)
}

func TestEveryKindOfWork(t *testing.T) {
	f := newFront(t)
	const group = "X25519"
	for name, job := range map[string]load.Job{
		"imap session":  {Protocol: "imap", Kind: load.Session, Count: 20},
		"pop3 session":  {Protocol: "pop3", Kind: load.Session, Count: 20},
		"smtp session":  {Protocol: "smtp", Kind: load.Session, Count: 20},
		"resumed":       {Protocol: "imap", Kind: load.Session, Count: 20, Resume: true},
		"quantum":       {Protocol: "imap", Kind: load.Session, Count: 20, Group: "X25519MLKEM768"},
		"download":      {Protocol: "imap", Kind: load.Download, Count: 4, Size: 1 << 20},
		"upload":        {Protocol: "imap", Kind: load.Upload, Count: 4, Size: 1 << 20},
		"imap noop":     {Protocol: "imap", Kind: load.NoOp, Count: 100},
		"pop3 noop":     {Protocol: "pop3", Kind: load.NoOp, Count: 100},
		"smtp noop":     {Protocol: "smtp", Kind: load.NoOp, Count: 100, Rate: 1e6},
		"data":          {Protocol: "smtp", Kind: load.Message, Count: 20, Size: 2 << 10},
		"data at once":  {Protocol: "smtp", Kind: load.Message, Count: 20, Size: 2 << 10, Pipelining: true},
		"chunks":        {Protocol: "smtp", Kind: load.Message, Count: 20, Size: 300 << 10, Chunking: true},
		"chunk at once": {Protocol: "smtp", Kind: load.Message, Count: 20, Size: 300 << 10, Chunking: true, Pipelining: true},
		"new sessions":  {Protocol: "smtp", Kind: load.Message, Count: 20, Size: 2 << 10, Fresh: true},
		"flood":         {Protocol: "imap", Kind: load.Flood, Count: 50},
		"idle":          {Protocol: "imap", Kind: load.Idle, Idle: 50},
	} {
		t.Run(name, func(t *testing.T) {
			job.Addresses, job.Sessions = []string{f[job.Protocol]}, 4
			if job.Group == "" {
				job.Group = group
			}
			g, err := start(job)
			if err != nil {
				t.Fatal(err)
			}
			r, err := g.Go()
			if err != nil || r.Done != job.Count {
				t.Errorf("%+v, %v", r, err)
			}
			if job.Kind != load.Flood && (r.Group != job.Group || r.Version != "TLS 1.3") {
				t.Errorf("%s with %s", r.Version, r.Group)
			}
			if job.Resume && r.Resumed != job.Count {
				t.Errorf("%d sessions are resumed", r.Resumed)
			}
			if job.Count > 0 && (r.P50 <= 0 || r.P99 < r.P50) {
				t.Errorf("p50 %v, p99 %v", r.P50, r.P99)
			}
			if err := g.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFailuresAreReported(t *testing.T) {
	f := newFront(t)
	nobody := loopback.Listen(t)
	_ = nobody.Close()
	for name, job := range map[string]load.Job{
		"no server":   {Addresses: []string{nobody.Addr().String()}, Protocol: "imap", Kind: load.NoOp, Sessions: 1, Count: 1},
		"no STARTTLS": {Addresses: []string{f["imap"]}, Protocol: "imap", Kind: load.NoOp, Sessions: 1, Count: 1, STARTTLS: true},
		"no protocol": {Addresses: []string{f["imap"]}, Protocol: "nntp", Sessions: 1},
		"no address":  {Protocol: "imap", Sessions: 1},
		"no session":  {Addresses: []string{f["imap"]}, Protocol: "imap"},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "no STARTTLS" {
				job.Addresses = []string{silent(t)}
			}
			if g, err := start(job); err == nil {
				t.Errorf("no error; %v", g.Stop())
			} else if !strings.HasPrefix(err.Error(), "clients: ") {
				t.Error(err)
			}
		})
	}
	g, err := start(load.Job{Addresses: []string{f["imap"]}, Protocol: "imap", Group: "X25519", Kind: "sleep", Sessions: 1, Count: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Go(); err == nil {
		t.Error("an unknown kind of work is no error")
	}
	_ = g.Stop()
}

// A tolerant job counts the operations that fail, and goes on with the others.
func TestToleratedFailures(t *testing.T) {
	f := newFront(t)
	nowhere := loopback.Listen(t)
	_ = nowhere.Close()
	g, err := start(load.Job{
		Addresses: []string{f["smtp"], nowhere.Addr().String()}, Protocol: "smtp", Group: "X25519", Kind: load.Message, Fresh: true,
		Sessions: 2, Count: 20, Sizes: []int{1 << 10, 4 << 10}, Tolerant: true, Window: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := g.Go()
	if err != nil || r.Done != 10 || r.Failed != 10 || len(r.Windows) != 1 || r.Windows[0].Failed != 10 {
		t.Errorf("%+v, %v", r, err)
	}
	if err := g.Stop(); err != nil {
		t.Error(err)
	}
}

// silent is a server that sends a greeting and closes the connection.
func silent(t *testing.T) string {
	t.Helper()
	l := loopback.Listen(t)
	loopback.Serve(l, func(conn net.Conn) { _, _ = io.WriteString(conn, "* OK hello\r\n") })
	return l.Addr().String()
}
