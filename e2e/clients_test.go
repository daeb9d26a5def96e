package e2e

import (
	"bufio"
	"encoding/base64"
	"io"
	"os/exec"
	"testing"
	"time"

	"github.com/letterlock/letterlock/e2e/world"
)

// plain is the token of SASL PLAIN (RFC 4616).
func plain(a account) string {
	return base64.StdEncoding.EncodeToString([]byte("\x00" + a.Name + "\x00" + a.Password))
}

// awaitLog waits for a line of the shared instance's log.
func awaitLog(t *testing.T, mark int, words ...string) string {
	t.Helper()
	line, err := shared.proxy.Log.Await(mark, world.Patience, words...)
	if err != nil {
		t.Fatal(err)
	}
	return line
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

// openssl has a conversation through s_client, which starts TLS by itself.
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
