package upgrade

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Control is the socket on which a process receives requests for its upgrade. It is
// in the state folder, which only root and the user of the process can enter.
type Control struct {
	path     string
	listener *net.UnixListener
	file     os.FileInfo // of the socket, which another process may replace
	requests chan Request

	once    sync.Once
	mu      sync.Mutex // held while a request is accepted, and while closed is closed
	closed  chan struct{}
	waiting sync.WaitGroup // requests that have no reply yet
}

// Request is one request. It must be answered once.
type Request struct {
	// Refused is why `letterlock upgrade` does not ask for an upgrade: it has found
	// an error in the configuration. Empty: it asks for one.
	Refused string
	reply   chan Reply
}

// question is the request of `letterlock upgrade`, as JSON.
type question struct {
	Upgrade bool   `json:"upgrade,omitempty"`
	Refused string `json:"refused,omitempty"`
}

// Reply is the result of a request.
type Reply struct {
	Error   string `json:"error,omitempty"` // why the old process continues; empty: it does not
	Version string `json:"version,omitempty"`
	PID     int    `json:"pid,omitempty"`
}

const (
	socketName  = "upgrade.sock"
	askTime     = 5 * time.Second
	maxRequests = 8
	maxJSON     = 8 * maxError // an error whose bytes are all escaped
)

// NewControl opens the socket in a folder. It takes the place of the socket of an
// earlier process, which may still run.
func NewControl(folder string) (*Control, error) {
	c := &Control{path: filepath.Join(folder, socketName), requests: make(chan Request), closed: make(chan struct{})}
	if err := c.open(folder); err != nil {
		return nil, fmt.Errorf("the socket for `letterlock upgrade`: %w", err)
	}
	go c.serve()
	return c, nil
}

func (c *Control) open(folder string) (err error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	temporary := fmt.Sprintf("%s.%d", c.path, os.Getpid())
	_ = os.Remove(temporary) // of an earlier process with this number
	if c.listener, err = net.ListenUnix("unix", &net.UnixAddr{Name: temporary, Net: "unix"}); err != nil {
		return err
	}
	c.listener.SetUnlinkOnClose(false)
	if err = os.Chmod(temporary, 0o600); err == nil {
		err = os.Rename(temporary, c.path)
	}
	if err == nil {
		c.file, err = os.Lstat(c.path)
	}
	if err != nil {
		_ = c.listener.Close()
		_ = os.Remove(temporary)
	}
	return err
}

// Requests returns the channel of the requests; nil, on which none comes, if the
// socket could not be opened.
func (c *Control) Requests() <-chan Request {
	if c == nil {
		return nil
	}
	return c.requests
}

// Close closes the socket, and removes it unless another process has replaced it. It
// returns when the replies have been written. All requests that were received must
// have been answered.
func (c *Control) Close() {
	if c == nil {
		return
	}
	c.once.Do(func() {
		c.mu.Lock()
		close(c.closed)
		c.mu.Unlock()
		_ = c.listener.Close()
		if now, err := os.Lstat(c.path); err == nil && os.SameFile(now, c.file) {
			_ = os.Remove(c.path)
		}
	})
	c.waiting.Wait()
}

func (c *Control) serve() {
	slots := make(chan struct{}, maxRequests)
	for {
		conn, err := c.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(askTime / 10)
			continue
		}
		select {
		case slots <- struct{}{}:
			go func() {
				defer func() { <-slots }()
				c.answer(conn)
			}()
		default:
			_ = conn.Close()
		}
	}
}

// answer reads the request of a connection, and writes the reply to it.
func (c *Control) answer(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(askTime))
	var asked question
	if err := json.NewDecoder(io.LimitReader(conn, maxJSON)).Decode(&asked); err != nil || !asked.Upgrade && asked.Refused == "" {
		return
	}
	request := Request{asked.Refused, make(chan Reply, 1)}
	if !c.accept() {
		return
	}
	defer c.waiting.Done()
	select {
	case c.requests <- request:
	case <-c.closed:
		return
	}
	reply := <-request.reply
	_ = conn.SetDeadline(time.Now().Add(askTime))
	_ = json.NewEncoder(conn).Encode(reply)
}

// accept makes Close wait for a request. It returns false after Close.
func (c *Control) accept() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.closed:
		return false
	default:
		c.waiting.Add(1)
		return true
	}
}

// Answer answers the request.
func (r Request) Answer(reply Reply) { r.reply <- reply }

// ErrNotRunning means that no process answers in the folder.
var ErrNotRunning = errors.New("no running proxy was found")

// Ask asks the process whose state is in a folder to upgrade itself, and waits for
// the result. Only an error that is ErrNotRunning says that nothing was asked.
func Ask(ctx context.Context, folder string) (Reply, error) {
	return ask(ctx, folder, question{Upgrade: true})
}

// Refuse reports to the process whose state is in a folder why it is not asked to
// upgrade itself, for its log.
func Refuse(ctx context.Context, folder, why string) error {
	reply, err := ask(ctx, folder, question{Refused: cut(why)})
	if reply.Error != "" { // the process repeats why
		return nil
	}
	return err
}

func ask(ctx context.Context, folder string, q question) (Reply, error) {
	path := filepath.Join(folder, socketName)
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return Reply{}, fmt.Errorf("%w: %w", ErrNotRunning, err)
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if err := json.NewEncoder(conn).Encode(q); err != nil {
		return Reply{}, fmt.Errorf("%s: %w", path, err)
	}
	var reply Reply
	if err := json.NewDecoder(io.LimitReader(conn, maxJSON)).Decode(&reply); err != nil {
		return Reply{}, fmt.Errorf("%s: the running proxy did not answer: %w", path, err)
	}
	if reply.Error != "" {
		return reply, errors.New(strings.TrimSpace(reply.Error))
	}
	return reply, nil
}
