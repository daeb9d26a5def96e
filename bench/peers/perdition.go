//go:build linux

package peers

import (
	"os/exec"
	"strconv"
)

// Perdition runs a server for each service, which starts a process for each
// session. It does not support SMTP.
func newPerdition() *Peer {
	return &Peer{
		Name: "Perdition", Services: []string{"imap", "imaps", "pop3", "pop3s"},
		Group: "CurveP256", Fragile: true, Most: 1000, MostWhy: "it has a process for each session",
		pkg:      "perdition",
		commands: perdition,
	}
}

func perdition(s *Setting) ([]*exec.Cmd, error) {
	var commands []*exec.Cmd
	for _, each := range []struct {
		protocol, mode string
		port, backend  int
	}{
		{"IMAP4", "tls_listen_force", s.Ports["imap"], s.Backend.IMAP},
		{"IMAP4S", "ssl_listen", s.Ports["imaps"], s.Backend.IMAP},
		{"POP3", "tls_listen_force", s.Ports["pop3"], s.Backend.POP3},
		{"POP3S", "ssl_listen", s.Ports["pop3s"], s.Backend.POP3},
	} {
		commands = append(commands, exec.Command("perdition",
			"--no_daemon", "--config_file", "/dev/null", "--pid_file", "", "--map_library", "", "--no_lookup",
			"--protocol", each.protocol, "--bind_address", "127.0.0.1", "--listen_port", strconv.Itoa(each.port),
			"--outgoing_server", "127.0.0.1", "--outgoing_port", strconv.Itoa(each.backend),
			"--ssl_mode", each.mode, "--ssl_cert_file", s.Pair.Cert, "--ssl_key_file", s.Pair.Key,
			"--connect_relog", "0", "--timeout", "0", "--log_facility", "-", "--quiet"))
	}
	return commands, nil
}
