package admin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// socket is the listening socket. It takes the place of the socket of an earlier
// process at once, so that there is always one: an earlier process may still run, and
// keeps its own until it closes it.
type socket struct {
	*net.UnixListener
	path string
	file os.FileInfo // of the socket, which another process may replace
}

// Listen opens the socket at a path. It creates a missing folder, with access for its
// owner alone.
func Listen(path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	removeStale(path)
	temporary := fmt.Sprintf("%s~%d", path, os.Getpid())
	_ = os.Remove(temporary) // of an earlier process with this number
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: temporary, Net: "unix"})
	if err != nil {
		return nil, err
	}
	listener.SetUnlinkOnClose(false)
	s := &socket{UnixListener: listener, path: path}
	if err = os.Chmod(temporary, socketMode); err == nil {
		err = os.Rename(temporary, path)
	}
	if err == nil {
		s.file, err = os.Lstat(path)
	}
	if err != nil {
		return nil, errors.Join(err, listener.Close(), os.Remove(temporary))
	}
	return s, nil
}

// ReplacedPath returns the path to which a process moves its socket when another
// process has replaced it.
func ReplacedPath(path string) string { return fmt.Sprintf("%s.%d", path, os.Getpid()) }

// replacedPaths lists the sockets of the processes that were replaced.
func replacedPaths(path string) []string {
	found, _ := filepath.Glob(escaped(path) + ".[0-9]*") // the pattern is well formed
	return found
}

// escaped escapes the characters of a path that have a meaning in a pattern.
func escaped(path string) string {
	return strings.NewReplacer("*", `\*`, "?", `\?`, "[", `\[`, `\`, `\\`).Replace(path)
}

// removeStale removes the sockets of replaced processes that were killed.
func removeStale(path string) {
	dialer := net.Dialer{Timeout: time.Second}
	for _, old := range replacedPaths(path) {
		conn, err := dialer.DialContext(context.Background(), "unix", old)
		if err != nil {
			_ = os.Remove(old)
			continue
		}
		_ = conn.Close()
	}
}

// socketMode lets only the owner and root connect.
const socketMode = 0o600

// Close closes the socket, and removes its file unless another process has replaced
// it.
func (s *socket) Close() error {
	if now, err := os.Lstat(s.path); err == nil && os.SameFile(now, s.file) {
		_ = os.Remove(s.path)
	}
	return s.UnixListener.Close()
}
