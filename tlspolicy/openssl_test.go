package tlspolicy_test

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/tlspolicy"
)

// openssl runs openssl s_client, which checks the policies independently of
// crypto/tls.
func openssl(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, _ := exec.CommandContext(ctx, "openssl", args...).CombinedOutput() // a refusal is an answer too
	if ctx.Err() != nil {
		t.Fatalf("openssl %s: %v", strings.Join(args, " "), ctx.Err())
	}
	return string(out)
}

func needOpenSSL(t *testing.T) {
	t.Helper()
	switch _, err := exec.LookPath("openssl"); {
	case err == nil:
	case os.Getenv("LETTERLOCK_E2E") != "":
		t.Fatal(err)
	default:
		t.Skip("openssl is not installed, so that its view of the policies is not tested; the walk with our own hellos is")
	}
}

// serving starts a TLS server that echoes, and returns its address.
func serving(t *testing.T, config *tls.Config) string {
	t.Helper()
	l := tls.NewListener(loopback.Listen(t), config)
	loopback.Serve(l, echo)
	return l.Addr().String()
}

func echo(conn net.Conn) {
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	buffer := make([]byte, 1024)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return
		}
		if _, err := conn.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// opensslVersions lists the versions that Debian's openssl supports, with its
// flags for them.
var opensslVersions = []struct{ flag, name string }{
	{"-tls1", "TLSv1"}, {"-tls1_1", "TLSv1.1"}, {"-tls1_2", "TLSv1.2"}, {"-tls1_3", "TLSv1.3"},
}

// TestOpenSSLAgainstEveryPolicy finds the suites of each policy with openssl
// s_client: the suite that the server chooses is left out of the next offer,
// until the server refuses. Every handshake is completed.
func TestOpenSSLAgainstEveryPolicy(t *testing.T) {
	needOpenSSL(t)
	golden, err := os.ReadFile("testdata/suites.txt")
	if err != nil {
		t.Fatal(err)
	}
	offered := strings.Split(strings.TrimSpace(openssl(t, "ciphers", "-s", "ALL:COMPLEMENTOFALL:@SECLEVEL=0")), ":")
	if len(offered) < 50 {
		t.Fatalf("openssl offers only %v", offered)
	}
	store := pair(t)
	for _, policy := range tlspolicy.Names() {
		t.Run(policy, func(t *testing.T) {
			if testing.Short() && policy != "strict" {
				t.Skip("NOT RUN with -short: about a hundred handshakes of openssl")
			}
			address := serving(t, serverOf(t, policy, store))
			for _, version := range opensslVersions {
				got := eliminate(t, address, version.flag, version.name, offered)
				var want []string
				for line := range strings.Lines(string(golden)) {
					f := strings.Fields(line)
					if f[0] == policy && f[1] == version.name && slices.Contains(offered, f[2]) {
						want = append(want, f[2])
					}
				}
				slices.Sort(got)
				slices.Sort(want)
				if !slices.Equal(got, want) {
					t.Errorf("%s: openssl gets %v, want %v", version.name, got, want)
				}
			}
		})
	}
}

// eliminate returns the suites that a server agrees to in one version.
func eliminate(t *testing.T, address, flag, version string, offered []string) []string {
	t.Helper()
	var new, old, found []string
	for _, suite := range offered {
		if strings.HasPrefix(suite, "TLS_") {
			new = append(new, suite)
		} else {
			old = append(old, suite)
		}
	}
	left, option, tail := &old, "-cipher", ":@SECLEVEL=0"
	if flag == "-tls1_3" {
		left, option, tail = &new, "-ciphersuites", ""
	}
	for len(*left) > 0 {
		out := openssl(t, "s_client", "-connect", address, "-brief", flag, option, strings.Join(*left, ":")+tail)
		suite := field(out, "Ciphersuite: ")
		i := slices.Index(*left, suite)
		if i < 0 {
			if suite != "" || !strings.Contains(out, "alert") && !strings.Contains(out, "no ciphers available") && !strings.Contains(out, "no protocols available") {
				t.Fatalf("%s: openssl says\n%s", flag, out)
			}
			break
		}
		if got := field(out, "Protocol version: "); got != version {
			t.Fatalf("%s gave %s", flag, got)
		}
		found = append(found, suite)
		*left = slices.Delete(*left, i, i+1)
	}
	return found
}

func field(text, name string) string {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// TestRenegotiationIsRefused checks that a client cannot renegotiate:
// renegotiation allows CVE-2009-3555 and costs the server far more than the
// client.
func TestRenegotiationIsRefused(t *testing.T) {
	needOpenSSL(t)
	address := serving(t, serverOf(t, "strict", pair(t)))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	client := exec.CommandContext(ctx, "openssl", "s_client", "-connect", address, "-tls1_2")
	client.Stdin = strings.NewReader("R\n") // asks for it
	out, err := client.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "RENEGOTIATING") || !strings.Contains(string(out), "alert unexpected message") && !strings.Contains(string(out), "no renegotiation") {
		t.Errorf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "Secure Renegotiation IS supported") {
		t.Error("RFC 5746 is not signalled")
	}
}
