//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"

	"github.com/letterlock/letterlock/bench/load"
	"github.com/letterlock/letterlock/bench/peers"
)

// stage holds what the proxies need: a temporary folder, the certificates, and
// the running processes.
type stage struct {
	dir    string
	self   string // the path of this program
	binary string // the path of Letterlock
	pairs  map[string]peers.Pair
	wide   []peers.Pair // for many listeners, created on first use

	mu       sync.Mutex
	nextPort int
	number   int // of proxies started
	running  map[*proxy]bool
	closed   bool
}

// proxy is a running proxy and its backend.
type proxy struct {
	peer    *peers.Peer
	setting peers.Setting
	*peers.Instance
	backend   *exec.Cmd
	backendIn io.Closer
}

func newStage(binary string) (*stage, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "letterlock-bench-")
	if err != nil {
		return nil, err
	}
	s := &stage{dir: dir, self: self, binary: binary, pairs: make(map[string]peers.Pair), nextPort: firstPort, running: make(map[*proxy]bool)}
	if err := s.furnish(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

func (s *stage) furnish() error {
	if err := os.Chmod(s.dir, 0o755); err != nil { // some proxies drop root
		return err
	}
	for _, algorithm := range []string{ecdsa, rsa} {
		pair, err := peers.NewPair(filepath.Join(s.dir, algorithm), algorithm, load.ServerName(0))
		if err != nil {
			return err
		}
		s.pairs[algorithm] = pair
	}
	if s.binary != "" {
		var err error
		s.binary, err = filepath.Abs(s.binary)
		return err
	}
	s.binary = filepath.Join(s.dir, "letterlock")
	build := exec.Command("go", "build", "-trimpath", "-o", s.binary, "github.com/letterlock/letterlock/cmd/letterlock")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// The ports are below the range that the kernel gives to outgoing connections,
// so that a connection cannot take one of them.
const (
	firstPort = 20000
	lastPort  = 32000
)

var errPorts = errors.New("no free port is left")

func (s *stage) port() (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range lastPort - firstPort {
		port := s.nextPort
		if s.nextPort++; s.nextPort > lastPort {
			s.nextPort = firstPort
		}
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, errPorts
}

// start starts a proxy with its backend. more is the number of additional
// listeners, for Letterlock.
func (s *stage) start(p *peers.Peer, key string, more int) (*proxy, error) {
	setting, err := s.setting(p, key, more)
	if err != nil {
		return nil, err
	}
	return s.startWith(p, setting)
}

// startReloading puts up a proxy that will be asked to reload its configuration.
func (s *stage) startReloading(p *peers.Peer) (*proxy, error) {
	setting, err := s.setting(p, ecdsa, 0)
	if err != nil {
		return nil, err
	}
	setting.Reloads = true
	return s.startWith(p, setting)
}

func (s *stage) startWith(p *peers.Peer, setting *peers.Setting) (*proxy, error) {
	var err error
	x := &proxy{peer: p, setting: *setting}
	if err := s.startBackend(x); err != nil {
		return nil, err
	}
	if x.Instance, err = p.Start(&x.setting); err != nil {
		return nil, errors.Join(err, x.shutDown())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errors.Join(errClosed, x.shutDown())
	}
	s.running[x] = true
	return x, nil
}

var errClosed = errors.New("the run has ended")

func (s *stage) setting(p *peers.Peer, key string, more int) (*peers.Setting, error) {
	s.number++
	setting := &peers.Setting{
		Dir:   filepath.Join(s.dir, fmt.Sprintf("%s-%d", strings.ReplaceAll(p.Name, ", Debian ", "-"), s.number)),
		Ports: make(map[string]int), Workers: runtime.NumCPU(), Pair: s.pairs[key],
	}
	if err := os.Mkdir(setting.Dir, 0o755); err != nil {
		return nil, err
	}
	for _, service := range peers.Services {
		port, err := s.port()
		if err != nil {
			return nil, err
		}
		setting.Ports[service] = port
	}
	b := &setting.Backend
	for _, port := range []*int{&b.IMAP, &b.POP3, &b.SMTP, &b.Auth} {
		var err error
		if *port, err = s.port(); err != nil {
			return nil, err
		}
	}
	for i := range more {
		listener, err := s.listener(i)
		if err != nil {
			return nil, err
		}
		setting.More = append(setting.More, listener)
	}
	return setting, nil
}

// listener returns the i-th of many listeners, with its own certificate. The
// names begin with 1: the first listener is that of all proxies.
func (s *stage) listener(i int) (peers.Listener, error) {
	if i == len(s.wide) {
		pair, err := peers.NewPair(filepath.Join(s.dir, fmt.Sprintf("wide-%d", i)), ecdsa, load.ServerName(i+1))
		if err != nil {
			return peers.Listener{}, err
		}
		s.wide = append(s.wide, pair)
	}
	port, err := s.port()
	return peers.Listener{Number: i, Port: port, Pair: s.wide[i]}, err
}

func (s *stage) startBackend(x *proxy) error {
	b := x.setting.Backend
	cmd := exec.Command(s.self, backendCommand, fmt.Sprint(b.IMAP), fmt.Sprint(b.POP3), fmt.Sprint(b.SMTP), fmt.Sprint(b.Auth))
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	x.backend, x.backendIn = cmd, in
	if line, _, err := bufio.NewReader(out).ReadLine(); err != nil || string(line) != backendReady {
		return fmt.Errorf("the backend does not start: %w", errors.Join(err, x.shutDown()))
	}
	return nil
}

// stop stops a proxy and its backend.
func (s *stage) stop(x *proxy) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running[x] {
		return nil
	}
	delete(s.running, x)
	return errors.Join(x.shutDown(), os.RemoveAll(x.setting.Dir))
}

func (x *proxy) shutDown() error {
	var err error
	if x.Instance != nil {
		err = x.Stop()
	}
	_ = x.backendIn.Close()
	return errors.Join(err, x.backend.Wait())
}

// close stops all processes and removes the folder.
func (s *stage) close() error {
	s.mu.Lock()
	s.closed = true
	var left []*proxy
	for x := range s.running {
		left = append(left, x)
	}
	s.mu.Unlock()
	var err error
	for _, x := range left {
		err = errors.Join(err, s.stop(x))
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// generate starts a load generator for the proxy, and returns when it has
// prepared the job.
func (s *stage) generate(x *proxy, service string, job load.Job) (*load.Generator, error) {
	if job.Addresses == nil {
		job.Addresses = []string{fmt.Sprintf("127.0.0.1:%d", x.setting.Ports[service])}
	}
	cmd := exec.Command(s.self, loadCommand)
	cmd.Stderr = os.Stderr
	return load.Start(cmd, job)
}
