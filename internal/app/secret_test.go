package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadPassword(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "password")
	for text, want := range map[string]string{
		"secret\n": "secret", "secret": "secret", "two words\r\nnext line": "two words", "\nsecret": "", "": "", strings.Repeat("x", maxSecret+1): "",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := readPassword(file); got != want || (err == nil) != (want != "") {
			t.Errorf("%.20q: %q, %v", text, got, err)
		}
	}
	if _, err := readPassword(file + ".absent"); err == nil {
		t.Error("an absent file has a password")
	}
}
