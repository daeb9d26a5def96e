//go:build linux

package peers

import "os/exec"

func newStunnel(r Release) *Peer {
	return &Peer{
		Name: "stunnel", Services: Services, pkg: "stunnel4",
		commands: func(s *Setting) ([]*exec.Cmd, error) {
			if r.codename != "bookworm" {
				s.Groups = "X25519MLKEM768:X25519:P-256" // OpenSSL 3.5 supports it; stunnel's default lacks it
			}
			return fillFor("stunnel.conf", "stunnel4")(s)
		},
	}
}
