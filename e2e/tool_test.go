package e2e

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// tool is a call of a client program.
type tool struct {
	stdin string
	env   []string
	fails bool // it must exit with an error

	anyStatus bool          // its exit status does not depend on success
	time      time.Duration // bounds the call; 0: toolTime
}

// toolTime bounds a call.
const toolTime = 2 * time.Minute

// run runs a program and returns its output, both streams together.
func (c tool) run(t *testing.T, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v: run e2e/install", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), cmp.Or(c.time, toolTime))
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdin = strings.NewReader(c.stdin)
	cmd.Dir = t.TempDir()
	// An empty home folder keeps the user's settings away.
	cmd.Env = append(os.Environ(), append(c.env, "HOME="+cmd.Dir, "LC_ALL=C.UTF-8")...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	if c.fails == (err == nil) && !c.anyStatus {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out.String())
	}
	return out.String()
}

// run runs a program, which must exit with status 0.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	return tool{}.run(t, name, args...)
}

// python runs one of the Python scripts in testdata.
func python(t *testing.T, stdin, script string, args ...string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", script))
	if err != nil {
		t.Fatal(err)
	}
	return tool{stdin: stdin, env: []string{"CA=" + shared.caFile}}.run(t, "python3", append([]string{path}, args...)...)
}

// port returns the port of an address.
func port(t *testing.T, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// write writes a client's settings to a file that only the user may read, as
// some clients require.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "settings")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// localhost returns an address with the host name that the certificates are
// for.
func localhost(t *testing.T, listener string) string {
	t.Helper()
	return "localhost:" + port(t, proxy(t, listener))
}

func swaks(t *testing.T, address string, l letter, a account, args ...string) string {
	t.Helper()
	return run(t, "swaks", append([]string{"--server", address, "--tls-verify", "--tls-ca-path", shared.caFile,
		"--auth-user", a.Name, "--auth-password", a.Password, "--from", l.From, "--to", l.To, "--data", l.forSwaks(t)}, args...)...)
}

func msmtp(t *testing.T, address string, l letter, a account, args ...string) {
	t.Helper()
	args = append([]string{"--host=localhost", "--port=" + port(t, address), "--tls=on", "--tls-trust-file=" + shared.caFile,
		"--domain=e2e.example", "--from=" + l.From}, args...)
	if a.Name != "" {
		args = append(args, "--user="+a.Name, "--passwordeval=cat "+write(t, a.Password))
	}
	tool{stdin: l.Text}.run(t, "msmtp", append(args, "--", l.To)...)
}

func curlSend(t *testing.T, url string, l letter, a account, options string) {
	t.Helper()
	run(t, "curl", "--silent", "--show-error", "--ssl-reqd", "--cacert", shared.caFile, "--url", url,
		"--user", a.Name+":"+a.Password, "--login-options", options,
		"--mail-from", l.From, "--mail-rcpt", l.To, "--upload-file", l.file(t))
}

// openssl runs s_client, which starts TLS by itself, and has a conversation
// through it.
func openssl(t *testing.T, protocol, address string) *client {
	t.Helper()
	cmd := exec.Command("openssl", "s_client", "-quiet", "-verify_quiet", "-verify_return_error", "-CAfile", shared.caFile,
		"-verify_hostname", "localhost", "-connect", address, "-starttls", protocol)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: run e2e/install", err)
	}
	end := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		end.Stop()
	})
	return &client{t: t, ReadWriter: struct {
		io.Reader
		io.Writer
	}{stdout, stdin}, r: bufio.NewReader(stdout)}
}
