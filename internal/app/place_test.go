package app

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/letterlock/letterlock/configs"
)

func TestPortsThatMayNotBeBound(t *testing.T) {
	t.Parallel()
	c, err := configs.Elsewhere("").Parse("f.yaml", []byte("hostname: mail.example.com\nlisteners:\n  - {service: imaps, backend: b}\n  - {service: imap, backend: b, listen: \"192.0.2.1:143\"}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		address string
		cause   syscall.Errno
		want    string
	}{
		{":993", syscall.EACCES, "f.yaml:3:5: listener imaps: listen tcp :993: bind: permission denied"},
		{":993", syscall.EACCES, "AmbientCapabilities=CAP_NET_BIND_SERVICE"},
		{"192.0.2.1:143", syscall.EADDRNOTAVAIL, "f.yaml:4:41: "},
		{"192.0.2.1:143", syscall.EADDRNOTAVAIL, "an address that this machine has"},
	} {
		address, err := net.ResolveTCPAddr("tcp", tt.address)
		if err != nil {
			t.Fatal(err)
		}
		failed := &net.OpError{Op: "listen", Net: "tcp", Addr: address, Err: os.NewSyscallError("bind", tt.cause)}
		if got := bindError(c, fmt.Errorf("listener imaps: %w", failed)); got == nil || !strings.Contains(got.Error(), tt.want) {
			t.Errorf("%v; want %q in it", got, tt.want)
		}
	}
	other := errors.New("another error")
	if bindError(c, other) != other || bindError(c, nil) != nil {
		t.Error("another error is changed")
	}
}
