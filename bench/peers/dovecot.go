//go:build linux

package peers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Dovecot proxies the users for which its user database has a backend. The
// lookup includes the name of the service, so that each service has its own
// backend port.
func newDovecot(r Release) *Peer {
	config := "dovecot.conf"
	if r.codename != "bookworm" {
		config = "dovecot24.conf" // Dovecot 2.4 has renamed the settings
	}
	return &Peer{
		Name: "Dovecot", Services: Services, pkg: "dovecot-core",
		commands: func(s *Setting) ([]*exec.Cmd, error) { return dovecot(s, config) },
	}
}

func dovecot(s *Setting, config string) ([]*exec.Cmd, error) {
	for service, port := range map[string]int{"imap": s.Backend.IMAP, "pop3": s.Backend.POP3, "submission": s.Backend.SMTP} {
		user := fmt.Sprintf("user:{PLAIN}pass::::::proxy=y host=127.0.0.1 port=%d nopassword=y\n", port)
		if err := os.WriteFile(filepath.Join(s.Dir, service+".users"), []byte(user), 0o644); err != nil {
			return nil, err
		}
	}
	return fillFor(config, "dovecot", "-F", "-c")(s)
}
