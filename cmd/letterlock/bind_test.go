package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/test/loopback"
)

// A port that cannot be had is told with its place and a remedy, whatever it is
// for.
func TestPortsThatAreTaken(t *testing.T) {
	taken := loopback.Listen(t).Addr().String()
	_, port, _ := net.SplitHostPort(taken)
	for what, text := range map[string]string{
		"a listener":      "listeners: [{service: imaps, backend: b,\n  listen: \"TAKEN\"}]\n",
		"the status page": "listeners: [{service: imaps, backend: b, listen: \"127.0.0.1:0\"}]\nstatus: {\n  listen: \"TAKEN\"}\n",
		"HTTP-01":         "listeners: [{service: imaps, backend: b, listen: \"127.0.0.1:0\"}]\nacme: {\n  http: \"TAKEN\"}\n",
	} {
		file := writeFile(t, "hostname: mail.example.com\nprobe: false\nstate_dir: "+t.TempDir()+"\n"+strings.Replace(text, "TAKEN", taken, 1))
		line := 1 + strings.Count("\n\n\n"+text[:strings.Index(text, "TAKEN")], "\n")
		status, _, said := words("serve", "--config", file)
		for _, want := range []string{fmt.Sprintf("%s:%d:", file, line), "address already in use", "ss -ltnp 'sport = :" + port + "'", "bind it to loopback"} {
			if status != exitFailed || !strings.Contains(said, want) {
				t.Errorf("%s: %d, no %q in\n%s", what, status, want, said)
			}
		}
	}
}

func TestPortsThatMayNotBeBound(t *testing.T) {
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
