package compose

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// needsContainers skips a test unless deploy/compose/test runs it.
func needsContainers(t *testing.T) {
	t.Helper()
	if os.Getenv("LETTERLOCK_CONTAINERS") != "1" {
		t.Skip("needs Docker: run `make test-containers`")
	}
}

// try runs a program to its end.
func try(t *testing.T, name string, args ...string) (out string, err error) {
	t.Helper()
	text, err := exec.Command(name, args...).CombinedOutput()
	return strings.TrimSpace(string(text)), err
}

// docker runs docker, which must succeed.
func docker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := try(t, "docker", args...)
	if err != nil {
		t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// project is a folder with a compose file, started by docker-compose.
type project struct {
	*testing.T
	name   string
	folder string
	ca     *authority.CA
}

// newProject copies the compose file of a folder, with all files beside it, and
// the files of testdata that it needs, and starts it. prepare may add files. The
// containers are removed when the test ends.
func newProject(t *testing.T, name string, prepare func(*project)) *project {
	t.Helper()
	needsContainers(t)
	p := &project{T: t, name: name, folder: t.TempDir(), ca: authority.New(t)}
	p.copy(name, ".")
	p.copy("testdata", "test")
	if err := os.Rename(filepath.Join(p.folder, "test", name+".override.yaml"), filepath.Join(p.folder, "override.yaml")); err != nil {
		t.Fatal(err)
	}
	for variable, image := range map[string]string{"LETTERLOCK": "letterlock", "DOVECOT": "letterlock-test/servers", "POSTFIX": "letterlock-test/servers", "HAPROXY": "letterlock-test/servers", "STORE": "letterlock-test/store"} {
		t.Setenv(variable+"_IMAGE", image)
	}
	prepare(p)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(p.compose("logs", "--no-color", "--tail=60"))
		}
		p.compose("down", "--volumes", "--timeout", "1")
	})
	p.compose("up", "--detach")
	return p
}

// copy copies the files of a folder.
func (p *project) copy(from, to string) {
	p.Helper()
	if err := os.MkdirAll(filepath.Join(p.folder, to), 0o755); err != nil {
		p.Fatal(err)
	}
	files, err := os.ReadDir(from)
	if err != nil {
		p.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(from, f.Name()))
		if err != nil {
			p.Fatal(err)
		}
		p.write(filepath.Join(to, f.Name()), text)
	}
}

// write writes a file that the containers can read.
func (p *project) write(name string, text []byte) {
	p.Helper()
	path := filepath.Join(p.folder, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, text, 0o644)); err != nil {
		p.Fatal(err)
	}
}

// certificate writes a certificate and its key, which only the user of the image
// can read.
func (p *project) certificate(folder, name string) {
	p.Helper()
	chain, key := authority.PEM(p, p.ca.ECDSA(p, name))
	p.write(folder+"/tls.crt", chain)
	p.secret(folder+"/tls.key", key)
}

// secret writes a file that only the user of the image can read.
func (p *project) secret(name string, text []byte) {
	p.Helper()
	p.write(name, text)
	path := filepath.Join(p.folder, name)
	if err := errors.Join(os.Chmod(path, 0o400), os.Chown(path, 65534, 65534)); err != nil {
		p.Fatal(err)
	}
}

// compose runs docker-compose, which must succeed.
func (p *project) compose(args ...string) string {
	p.Helper()
	out, err := try(p.T, "docker-compose", append([]string{
		"--project-name", p.name, "--project-directory", p.folder,
		"--file", filepath.Join(p.folder, "compose.yaml"), "--file", filepath.Join(p.folder, "override.yaml"),
	}, args...)...)
	if err != nil {
		p.Errorf("docker-compose %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// container returns the id of the container of a service.
func (p *project) container(service string) string {
	p.Helper()
	return p.compose("ps", "--quiet", service)
}

// waitHealthy waits until the image's health check finds a container ready.
func waitHealthy(t *testing.T, container string) {
	t.Helper()
	state := ""
	if !wait.Happens(func() bool {
		state = docker(t, "inspect", "--format", "{{.State.Health.Status}}", container)
		if state != "healthy" {
			time.Sleep(200 * time.Millisecond)
		}
		return state == "healthy"
	}) {
		t.Fatalf("the container is %s: %s\n%s", state, docker(t, "inspect", "--format", "{{json .State.Health}}", container), docker(t, "logs", container))
	}
}

// conversation is a client's connection.
type conversation struct {
	net.Conn
	lines *bufio.Reader
}

// patience bounds each conversation.
const patience = time.Minute

// connect connects and reads the greeting; with a TLS configuration, by implicit
// TLS.
func connect(address string, config *tls.Config) (*conversation, error) {
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	if config != nil {
		conn = tls.Client(conn, config)
	}
	c := &conversation{conn, bufio.NewReader(conn)}
	if _, err := c.lines.ReadString('\n'); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("greeting: %w", err)
	}
	return c, nil
}

// ask sends a command and reads up to a line that begins with a text.
func (c *conversation) ask(command, want string) error {
	_, err := c.reply(command, want)
	return err
}

// reply sends a command, and returns the first line that begins with a text.
func (c *conversation) reply(command, beginning string) (string, error) {
	if _, err := io.WriteString(c, command+"\r\n"); err != nil {
		return "", err
	}
	line, err := c.until(beginning)
	if err != nil {
		err = fmt.Errorf("after %q: %w", command, err)
	}
	return line, err
}

// until reads up to the first line that begins with a text, and returns that.
func (c *conversation) until(beginning string) (string, error) {
	var received bytes.Buffer
	for {
		line, err := c.lines.ReadString('\n')
		received.WriteString(line)
		if err != nil {
			return "", fmt.Errorf("no %q in %q: %w", beginning, received.String(), err)
		}
		if strings.HasPrefix(line, beginning) {
			return line, nil
		}
	}
}

// startTLS asks for TLS, and makes the handshake.
func (c *conversation) startTLS(command, want string, config *tls.Config) error {
	if err := c.ask(command, want); err != nil {
		return err
	}
	secure := tls.Client(c.Conn, config)
	c.Conn, c.lines = secure, bufio.NewReader(secure)
	return secure.Handshake()
}

// asks sends several commands, each with the beginning of the line that ends its
// reply.
func (c *conversation) asks(t *testing.T, pairs ...string) {
	t.Helper()
	for pair := range slices.Chunk(pairs, 2) {
		if err := c.ask(pair[0], pair[1]); err != nil {
			t.Fatal(err)
		}
	}
}

// anyone is the TLS configuration of a client that takes every certificate.
func anyone() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }

// trust is the TLS configuration of a client that trusts the project's CA.
func (p *project) trust(name string) *tls.Config {
	return &tls.Config{RootCAs: p.ca.Pool, ServerName: name}
}
