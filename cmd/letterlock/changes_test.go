package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// mount replaces the files of a folder as Kubernetes does for a ConfigMap or a
// Secret: a link to a new folder takes the place of the link to the old one.
func mount(t *testing.T, folder, version string, files map[string]string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(folder, ".."+version)
	must(os.MkdirAll(data, 0o700))
	for name, text := range files {
		must(os.WriteFile(filepath.Join(data, name), []byte(text), 0o600))
		if _, err := os.Lstat(filepath.Join(folder, name)); err != nil {
			must(os.Symlink(filepath.Join("..data", name), filepath.Join(folder, name)))
		}
	}
	must(os.Symlink(".."+version, filepath.Join(folder, "..data_tmp")))
	must(os.Rename(filepath.Join(folder, "..data_tmp"), filepath.Join(folder, "..data")))
}

// A changed ConfigMap is loaded without a signal, and a wrong one changes nothing.
func TestWatchedConfiguration(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	text := func(more string) map[string]string {
		return map[string]string{"letterlock.yaml": strings.ReplaceAll("hostname: mail.example.com\nprobe: false\nstate_dir: "+t.TempDir()+"\nlisteners:\n  - {service: imaps, listen: \"{host}:0\", backend: \"127.0.0.1:9\"}\n"+more, "{host}", loopback.Host())}
	}
	mount(t, folder, "1", text(""))
	i := newInstance(t, filepath.Join(folder, "letterlock.yaml"), "--watch")
	mount(t, folder, "2", text("  - {service: pop3s, listen: \"{host}:0\", backend: \"127.0.0.1:9\"}\n"))
	wait.Until(t, "the changed configuration is not loaded", func() bool { return strings.Contains(i.log.String(), "msg=listening service=pop3s") })
	mount(t, folder, "3", text("  - {service: pop, listen: \"{host}:0\", backend: \"127.0.0.1:9\"}\n"))
	wait.Until(t, "the wrong configuration is not reported", func() bool { return strings.Contains(i.log.String(), "the one before stays in force") })
	mount(t, folder, "4", text(""))
	wait.Until(t, "the listener is not removed", func() bool { return strings.Contains(i.log.String(), `msg="no longer listening" listener="pop3s`) })
}

func TestWatchNeedsAFile(t *testing.T) {
	t.Parallel()
	status, _, said := words("serve", "--watch", "--backend", "10.0.0.5", "--hostname", "mail.example.com", "--services", "imaps")
	if status != exitUsage || !strings.Contains(said, "--watch needs a configuration's file") {
		t.Errorf("%d %s", status, said)
	}
}
