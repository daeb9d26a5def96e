package compose

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/wait"
)

// The image holds the program, the CA bundle and the list of modules, and runs as an
// unprivileged user.
func TestImage(t *testing.T) {
	needsContainers(t)
	if got := docker(t, "run", "--rm", "--read-only", "letterlock", "version"); !strings.HasPrefix(got, "letterlock 1.2.3-test go") {
		t.Errorf("version: %s", got)
	}
	var image []struct {
		Size   int
		Config struct {
			User        string
			Labels      map[string]string
			Healthcheck struct{ Test []string }
		}
	}
	if err := json.Unmarshal([]byte(docker(t, "inspect", "letterlock")), &image); err != nil {
		t.Fatal(err)
	}
	c := image[0].Config
	if c.User != "65534:65534" || strings.Join(c.Healthcheck.Test, " ") != "CMD /letterlock health" ||
		c.Labels["org.opencontainers.image.version"] != "1.2.3-test" || c.Labels["org.opencontainers.image.licenses"] != "MIT" {
		t.Errorf("%+v", c)
	}
	if image[0].Size > 40<<20 {
		t.Errorf("the image has %d MB", image[0].Size>>20)
	}
	if out, err := try(t, "docker", "run", "--rm", "--entrypoint", "/bin/sh", "letterlock", "-c", "true"); err == nil {
		t.Errorf("the image has a shell: %s", out)
	}
}

// The SBOM in the image names the modules in the program.
func TestImageSBOM(t *testing.T) {
	needsContainers(t)
	id := docker(t, "create", "letterlock")
	defer docker(t, "rm", id)
	file := filepath.Join(t.TempDir(), "sbom")
	docker(t, "cp", id+":/usr/share/doc/letterlock/sbom.cdx.json", file)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var sbom struct {
		Format     string `json:"bomFormat"`
		Components []struct{ Name string }
	}
	if err := json.Unmarshal(text, &sbom); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), `"github.com/emersion/go-sasl"`) || sbom.Format != "CycloneDX" || len(sbom.Components) < 5 {
		t.Errorf("%s with %d components", sbom.Format, len(sbom.Components))
	}
}

// docker run --env-file keeps the quotes of its file. The error message explains it.
func TestEnvFileWithQuotes(t *testing.T) {
	needsContainers(t)
	file := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(file, []byte("LETTERLOCK_BACKEND=\"10.0.0.5\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := try(t, "docker", "run", "--rm", "--env-file", file, "letterlock")
	if err == nil || !strings.Contains(out, `LETTERLOCK_BACKEND: the quotes in "10.0.0.5" are part of the value`) {
		t.Errorf("%v: %s", err, out)
	}
}

// backend is an IMAP server that greets and says goodbye, on a port that can be
// closed and opened again.
type backend struct {
	port     int
	listener net.Listener
}

func (b *backend) open(t *testing.T) {
	t.Helper()
	var err error
	if b.listener, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(b.port))); err != nil {
		t.Fatal(err)
	}
	b.port = b.listener.Addr().(*net.TCPAddr).Port
	go func() {
		for {
			conn, err := b.listener.Accept()
			if err != nil {
				return
			}
			_ = conn.SetDeadline(time.Now().Add(patience))
			_, _ = conn.Write([]byte("* OK ready\r\n"))
			_, _ = conn.Read(make([]byte, 100))
			_, _ = conn.Write([]byte("* BYE\r\n"))
			_ = conn.Close()
		}
	}()
}

// The health check of a container without a writable root follows the backend.
func TestImageHealth(t *testing.T) {
	needsContainers(t)
	b := &backend{}
	b.open(t)
	id := docker(t, "run", "--detach", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--network", "host",
		"--health-interval", "1s", "--env", "LETTERLOCK_STATUS_LISTEN=127.0.0.1:18080", "--env", "LETTERLOCK_HOSTNAME=mail.example.com", "--env", "LETTERLOCK_IMAPS_LISTEN=127.0.0.1:1993",
		"--env", "LETTERLOCK_IMAPS_BACKEND=127.0.0.1:"+strconv.Itoa(b.port), "letterlock")
	defer docker(t, "rm", "--force", "--volumes", id)
	waitHealthy(t, id)
	ask := func(args ...string) (string, error) {
		return try(t, "docker", append([]string{"exec", id, "/letterlock", "health"}, args...)...)
	}
	if out, err := ask(); err != nil || out != "ready" {
		t.Errorf("%v: %s", err, out)
	}
	_ = b.listener.Close()
	if c, err := connect("127.0.0.1:1993", anyone()); err == nil {
		_ = c.Close() // the session shows that the backend is down
	}
	const want = "letterlock: not ready: imaps on 127.0.0.1:1993: no backend is up: "
	wait.Until(t, "the container stays ready without a backend", func() bool {
		out, err := ask()
		return err != nil && strings.HasPrefix(out, want)
	})
	if out, err := ask("--live"); err != nil || out != "alive" {
		t.Errorf("%v: %s", err, out)
	}
	b.open(t)
	defer func() { _ = b.listener.Close() }()
	waitHealthy(t, id)
}
