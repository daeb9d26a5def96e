//go:build linux

package peers

import "os/exec"

// HAProxy relays bytes: its listeners use implicit TLS or none.
func newHAProxy() *Peer {
	return &Peer{
		Name: "HAProxy", Services: []string{"imaps", "pop3s", "submissions"},
		Reloads: true, pkg: "haproxy",
		commands: func(s *Setting) ([]*exec.Cmd, error) {
			arguments := []string{"haproxy", "-db", "-f"}
			if s.Reloads { // only a master process reloads
				arguments = []string{"haproxy", "-W", "-db", "-f"}
			}
			return fillFor("haproxy.cfg", arguments...)(s)
		},
	}
}
