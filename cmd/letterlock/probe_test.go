package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/test/authority"
)

func TestConfigCheckProbe(t *testing.T) {
	t.Parallel()
	relay := answering(t)
	folder := t.TempDir()
	chain, key := authority.PEM(t, authority.New(t).ECDSA(t, "mail.example.com"))
	for name, data := range map[string][]byte{
		"c.pem": chain, "c.key": key,
		"letterlock.yaml": []byte("hostname: mail.example.com\ncertificates: [{cert: c.pem, key: c.key}]\nlisteners:\n" +
			"  - {service: smtp, backend: '" + relay + "', handover: proxy-v1}\n"),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out, complaints bytes.Buffer
	file := filepath.Join(folder, "letterlock.yaml")
	if status := run([]string{"config", "check", "--config", file}, newUI(&out, &complaints)); status != exitOK {
		t.Errorf("without --probe: %d\n%s", status, complaints.String())
	}
	if status := run([]string{"config", "check", "--probe", "--config", file}, newUI(&out, &complaints)); status != exitFailed {
		t.Errorf("with --probe: %d\n%s", status, complaints.String())
	}
	for _, words := range []string{"DANGER: smtp backend " + relay, "OPEN RELAY", "allow_open_relay: true"} {
		if !strings.Contains(complaints.String(), words) {
			t.Errorf("no %q in\n%s", words, complaints.String())
		}
	}
}
