package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/test/authority"
)

// pairs writes the files of two certificates.
func pairs(t *testing.T) (folder string) {
	t.Helper()
	folder = t.TempDir()
	ca := authority.New(t)
	for name, host := range map[string]string{"one": "mail.example.com", "two": "www.example.com"} {
		chain, key := authority.PEM(t, ca.ECDSA(t, host))
		for ending, text := range map[string][]byte{".pem": chain, ".key": key} {
			if err := os.WriteFile(filepath.Join(folder, name+ending), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return folder
}

// An error in a pair of files has a position in the configuration, and a remedy.
func TestPairsThatDoNotFit(t *testing.T) {
	t.Parallel()
	folder := pairs(t)
	file := filepath.Join(folder, "letterlock.yaml")
	for name, c := range map[string]struct {
		certificates, hostname, place, problem, remedy string
		status                                         int
	}{
		"swapped": {
			"[{cert: one.key, key: one.pem}]", "mail.example.com", ":2:37: ", "the certificate is here, and the private key in " + folder + "/one.key: the two files are swapped",
			"write each file in the other's place", exitFailed,
		},
		"another's key": {
			"[{cert: one.pem, key: two.key}]", "mail.example.com", ":2:37: ", "the private key matches none of the certificates in " + folder + "/one.pem; the first is for mail.example.com",
			"openssl pkey -in KEY -pubout", exitFailed,
		},
		"crossed": {
			"[{cert: one.pem, key: two.key}, {cert: two.pem, key: one.key}]", "mail.example.com", ":2:37: ", "matches none of the certificates",
			"the key that fits is " + folder + "/one.key", exitFailed,
		},
		"no key":         {"[{cert: one.pem, key: one.pem}]", "mail.example.com", ":2:37: ", "the file has no private key, but CERTIFICATE", "such as privkey.pem", exitFailed},
		"no certificate": {"[{cert: one.key, key: one.key}]", "mail.example.com", ":2:23: ", "the file has no certificate, but PRIVATE KEY", "such as fullchain.pem", exitFailed},
		"another name": {
			"[{cert: two.pem, key: two.key}]", "mail.example.com", ":2:1: ", "no certificate is for the hostname mail.example.com; they are for www.example.com",
			"get a certificate that is for mail.example.com, or give a hostname that one is for", exitOK,
		},
	} {
		t.Run(name, func(t *testing.T) {
			text := "hostname: " + c.hostname + "\ncertificates: " + c.certificates + "\nlisteners: [{service: imaps, backend: b}]\n"
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			status, _, said := words("config", "check", "--config", file)
			for _, want := range []string{file + c.place, c.problem, c.remedy} {
				if status != c.status || !strings.Contains(said, want) {
					t.Errorf("%d, no %q in\n%s", status, want, said)
				}
			}
		})
	}
}

// With variables, the variable is named.
func TestPairsOfVariables(t *testing.T) {
	folder := pairs(t)
	t.Setenv("LETTERLOCK_BACKEND", "10.0.0.5")
	t.Setenv("LETTERLOCK_HOSTNAME", "mail.example.com")
	t.Setenv("LETTERLOCK_CERT", filepath.Join(folder, "one.pem"))
	if status, _, said := words("config", "check"); status != exitFailed || !strings.HasPrefix(said, "LETTERLOCK_KEY: the certificate has no private key\n  set LETTERLOCK_KEY to ") {
		t.Errorf("%d %s", status, said)
	}
	t.Setenv("LETTERLOCK_KEY", filepath.Join(folder, "two.key"))
	if status, _, said := words("config", "check"); status != exitFailed || !strings.HasPrefix(said, "LETTERLOCK_KEY: key "+folder+"/two.key: the private key matches none") {
		t.Errorf("%d %s", status, said)
	}
}
