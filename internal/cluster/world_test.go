package cluster

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// instance is a Store with its log.
type instance struct {
	*Store
	t   *testing.T
	log *wait.Log
}

// options returns the options of an instance that uses a server in plaintext.
func options(name string, addresses ...string) Options {
	return Options{Addresses: addresses, Key: testKey, Prefix: "test", Instance: name, Version: "1.0", SessionTime: 10 * time.Second}
}

// start starts an instance, without waiting for the store.
func start(t *testing.T, o Options, jobs ...func(context.Context)) *instance {
	t.Helper()
	i := create(t, o, jobs...)
	i.Start()
	return i
}

// create creates an instance that is not started yet.
func create(t *testing.T, o Options, jobs ...func(context.Context)) *instance {
	t.Helper()
	i := &instance{t: t, log: &wait.Log{}}
	o.Log = slog.New(slog.NewTextHandler(i.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	store, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	store.pause = 20 * time.Millisecond
	for _, job := range jobs {
		store.Every(0, job)
	}
	i.Store = store
	t.Cleanup(store.Close)
	return i
}

// join starts an instance and waits until the store is up.
func join(t *testing.T, o Options) *instance {
	t.Helper()
	i := start(t, o)
	i.mustBeUp()
	return i
}

func (i *instance) mustBeUp() {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if !i.Wait(ctx) {
		i.t.Fatalf("the store stays down: %+v\n%s", i.Report(), i.log)
	}
}

// logs waits for a line of the log.
func (i *instance) logs(text string) {
	i.t.Helper()
	wait.Until(i.t, "the log has no line with: "+text, func() bool { return strings.Contains(i.log.String(), text) })
}

// doesNotWait checks that a command to a store that is down does not wait for it: a
// command that waited would end because its context has ended.
func (i *instance) doesNotWait() {
	i.t.Helper()
	ended, cancel := context.WithCancel(i.t.Context())
	cancel()
	for range 100 {
		if _, err := i.Get(ended, aName); !errors.Is(err, ErrDown) {
			i.t.Fatal(err)
		}
	}
}

func (i *instance) mustSet(n Name, value string) {
	i.t.Helper()
	if err := i.Set(i.t.Context(), n, []byte(value), time.Minute); err != nil {
		i.t.Fatal(err)
	}
}

// want checks a value. Empty stands for an absent value.
func (i *instance) want(n Name, want string) {
	i.t.Helper()
	values, err := i.Get(i.t.Context(), n)
	if err != nil || string(values[0]) != want || want == "" && values[0] != nil {
		i.t.Errorf("%v is %q, %v; want %q", n, values, err, want)
	}
}

// faulty is a proxy in front of a server, which may hold back what the server sends.
type faulty struct {
	net.Listener
	target string
	silent atomic.Bool
	delay  atomic.Int64 // of each reply, in nanoseconds

	mu    sync.Mutex
	conns []net.Conn
}

func newFaulty(t *testing.T, target string) *faulty {
	t.Helper()
	l := loopback.Listen(t)
	f := &faulty{Listener: l, target: target}
	var running sync.WaitGroup
	running.Go(func() { f.serve(&running) })
	t.Cleanup(func() {
		_ = l.Close()
		f.cut()
		running.Wait()
	})
	return f
}

func (f *faulty) serve(running *sync.WaitGroup) {
	for {
		client, err := f.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", f.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		f.mu.Lock()
		f.conns = append(f.conns, client, server)
		f.mu.Unlock()
		running.Go(func() {
			_, _ = io.Copy(server, client)
			_ = server.Close()
		})
		running.Go(func() {
			f.copy(client, server)
			_ = client.Close()
		})
	}
}

// copy forwards what the server sends, or drops it while the proxy is silent.
func (f *faulty) copy(client, server net.Conn) {
	buffer := make([]byte, 4096)
	for {
		n, err := server.Read(buffer)
		if err != nil {
			return
		}
		if f.silent.Load() {
			continue
		}
		time.Sleep(time.Duration(f.delay.Load()))
		if _, err := client.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// cut closes all connections.
func (f *faulty) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.conns {
		_ = c.Close()
	}
	f.conns = nil
}

// newScripted starts a server that answers each command with the same text.
func newScripted(t *testing.T, reply string) (address string) {
	t.Helper()
	l := loopback.Listen(t)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer func() { _ = conn.Close() }()
				buffer := make([]byte, 4096)
				for {
					n, err := conn.Read(buffer)
					if err != nil {
						return
					}
					for range bytes.Count(buffer[:n], []byte("*")) {
						if _, err := io.WriteString(conn, reply); err != nil {
							return
						}
					}
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		running.Wait()
	})
	return l.Addr().String()
}
