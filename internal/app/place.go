package app

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/certs"
)

// placed adds to an error about a file the position of the key that names the
// file. It returns other errors unchanged.
func placed(c *configs.Config, err error) error {
	fault, ok := errors.AsType[*certs.Fault](err)
	if !ok {
		return err
	}
	kind := configs.PublicFile
	if fault.What == "key" {
		kind = configs.SecretFile
	}
	key, ok := c.KeyOf(fault.File, kind)
	if !ok {
		return err
	}
	return configs.Errors{c.Wrong(key, fault.Error(), fault.Remedy)}
}

// bindError adds to an error about a socket its position in the configuration
// and a remedy, because these are the most frequent errors at a first start. It
// returns other errors unchanged.
func bindError(c *configs.Config, err error) error {
	failed, ok := errors.AsType[*net.OpError](err)
	if !ok || failed.Op != "listen" || failed.Addr == nil {
		return err
	}
	remedy := bindRemedy(failed)
	if remedy == "" {
		return err
	}
	key, ok := c.KeyOfSocket(failed.Addr.String())
	if !ok {
		return fmt.Errorf("%w\n  %s", err, remedy)
	}
	return configs.Errors{c.Wrong(key, err.Error(), remedy)}
}

func bindRemedy(failed *net.OpError) string {
	_, port, err := net.SplitHostPort(failed.Addr.String())
	if err != nil {
		return ""
	}
	program, err := os.Executable()
	if err != nil {
		program = "letterlock"
	}
	switch {
	case errors.Is(failed, syscall.EACCES), errors.Is(failed, syscall.EPERM):
		return fmt.Sprintf("ports below 1024 need CAP_NET_BIND_SERVICE: write AmbientCapabilities=CAP_NET_BIND_SERVICE in the unit of systemd, or run setcap cap_net_bind_service=+ep %s", program)
	case errors.Is(failed, syscall.EADDRINUSE):
		return fmt.Sprintf("see who listens there: ss -ltnp 'sport = :%s'; if it is the old mail server, bind it to loopback and another port, or give this listener an address of its own", port)
	case errors.Is(failed, syscall.EADDRNOTAVAIL):
		return "write an address that this machine has (ip address), or leave the address out for all of them"
	}
	return ""
}
