package peers

import (
	"fmt"
	"os/exec"
)

// FloorCommand is what the program of NewFloor is called with. Behind it come the
// files of the certificate and the key, and for each protocol its name, the ports
// for TLS and for the relay, and the backend's.
const FloorCommand = "floor"

// NewFloor is what no proxy can do with less; see bench/floor. Self is a program
// that serves it.
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
