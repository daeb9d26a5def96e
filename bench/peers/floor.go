//go:build linux

package peers

import (
	"fmt"
	"os/exec"
)

// FloorCommand is the first argument of the program of NewFloor. The next arguments
// are the files of the certificate and the key, and for each protocol its name, the
// port for TLS, the port of the relay and the port of the backend.
const FloorCommand = "floor"

// NewFloor returns the floor of package bench/floor as a Peer. The program self
// serves it.
func NewFloor(self string) *Peer {
	return &Peer{
		Name: "Floor", Services: []string{"imaps", "pop3s", "submissions"}, Floor: true,
		commands: func(s *Setting) ([]*exec.Cmd, error) {
			return []*exec.Cmd{exec.Command(self, FloorCommand, s.Pair.Cert, s.Pair.Key,
				"imap", fmt.Sprint(s.Ports["imaps"]), fmt.Sprint(s.Ports["imap"]), fmt.Sprint(s.Backend.IMAP),
				"pop3", fmt.Sprint(s.Ports["pop3s"]), fmt.Sprint(s.Ports["pop3"]), fmt.Sprint(s.Backend.POP3),
				"smtp", fmt.Sprint(s.Ports["submissions"]), fmt.Sprint(s.Ports["submission"]), fmt.Sprint(s.Backend.SMTP),
			)}, nil
		},
	}
}
