package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/test/authority"
)

func TestConfigCheckReportsCertificates(t *testing.T) {
	t.Parallel()
	ca, folder := authority.New(t), t.TempDir()
	chain, key := authority.PEM(t, ca.ECDSA(t, "www.example.com"))
	file := filepath.Join(folder, "letterlock.yaml")
	for name, text := range map[string]string{
		"cert.pem": string(chain), "key.pem": string(key),
		"letterlock.yaml": "hostname: mail.example.com\ncertificates: [{cert: cert.pem, key: key.pem}]\nlisteners: [{service: imaps, listen: \"127.0.0.1:0\", backend: \"10.0.0.5:143\"}]\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out, errs bytes.Buffer
	if status := run([]string{"config", "check", "--config", file}, newUI(&out, &errs)); status != exitOK {
		t.Fatalf("status %d\n%s", status, errs.String())
	}
	if want := "ECDSA P-256 for www.example.com, from test authority, until "; !strings.Contains(out.String(), want) {
		t.Errorf("no %q in\n%s", want, out.String())
	}
	if want := "no certificate is for the hostname mail.example.com; they are for www.example.com"; !strings.Contains(errs.String(), want) {
		t.Errorf("no %q in\n%s", want, errs.String())
	}
	if err := os.WriteFile(filepath.Join(folder, "cert.pem"), chain[:200], 0o600); err != nil {
		t.Fatal(err)
	}
	if status := run([]string{"config", "check", "--config", file}, newUI(&out, &errs)); status != exitFailed || !strings.Contains(errs.String(), "damaged or cut off") {
		t.Errorf("status %d\n%s", status, errs.String())
	}
}
