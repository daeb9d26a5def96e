package configs

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Absent keys get the values that most installations need.
func TestClusterDefaults(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"key", "password"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for text, want := range map[string][]string{
		"{addresses: [10.0.0.7, 'store.lan:7000', '::1'], key_file: key}": {"10.0.0.7:6379", "store.lan:7000", "[::1]:6379"},
		"{addresses: [10.0.0.7], sentinel_master: mail, key_file: key}":   {"10.0.0.7:26379"},
	} {
		c, err := testMachine().Parse(filepath.Join(folder, "letterlock.yaml"), []byte("cluster: "+text+"\nlisteners: [{service: imaps, backend: legacy}]\n"))
		if err != nil {
			t.Fatal(err)
		}
		s := c.Cluster
		if !slices.Equal(s.Addresses, want) || !s.Encrypted() || s.Prefix != "letterlock" || s.Instance != "mail.example.com" || s.KeyFile != filepath.Join(folder, "key") {
			t.Errorf("%s: %+v", text, s)
		}
		if !strings.Contains(Describe(c), "this is instance mail.example.com") {
			t.Error("config check does not mention the cluster")
		}
	}
}

// Other users must not read the key and the password.
func TestModesOfTheClusterFiles(t *testing.T) {
	c := Config{Cluster: &Cluster{CA: "ca", KeyFile: "key", PasswordFile: "password"}}
	for path, want := range map[string]FileKind{"ca": PublicFile, "key": SecretFile, "password": SecretFile} {
		if key, ok := c.KeyOf(path, want); !ok || !strings.HasPrefix(key, "cluster.") {
			t.Errorf("%s is checked as %q", path, key)
		}
	}
}
