package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/test/authority"
)

// TestInit lets `letterlock init` examine Postfix and Dovecot. The configuration
// that it writes has their services, comments with their answers, and passes
// `letterlock config check --probe`.
func TestInit(t *testing.T) {
	w := needsServers(t)
	dir := t.TempDir()
	binary, err := program(dir)
	if err != nil {
		t.Fatal(err)
	}
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	chain, secret := authority.PEM(t, authority.New(t).ECDSA(t, "mail.example.com"))
	if err := errors.Join(os.WriteFile(cert, chain, 0o600), os.WriteFile(key, secret, 0o600)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "letterlock.yaml")
	ports := fmt.Sprintf("smtp=%d,submission=%d,imap=%d,pop3=%d,sieve=%d", w.Ports.SMTP, w.Ports.Submission, w.Ports.IMAP, w.Ports.POP3, w.Ports.Sieve)
	run(t, binary, "init", "--backend", "127.0.0.1", "--ports", ports, "--hostname", "mail.example.com", "--recipients", "example.com",
		"--certificates", cert+","+key, "--output", file)
	written, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		fmt.Sprintf("# smtp: 127.0.0.1:%d greets with \"220 ", w.Ports.SMTP), fmt.Sprintf("# imap: 127.0.0.1:%d greets with \"* OK ", w.Ports.IMAP),
		"recipients: [example.com]\n", "the command LOGIN", "the command USER", "- service: submissions\n", "- service: imaps\n", "- service: pop3s\n", "- service: sieve\n",
	} {
		if !strings.Contains(string(written), want) {
			t.Errorf("no %q in\n%s", want, written)
		}
	}
	if strings.Contains(string(written), "DANGER") {
		t.Errorf("a danger is found:\n%s", written)
	}
	out, err := exec.CommandContext(t.Context(), binary, "config", "check", "--probe", file).CombinedOutput()
	if err != nil || strings.Count(string(out), "listener ") < 8 {
		t.Errorf("%v\n%s", err, out)
	}
}
