package e2e

import (
	"encoding/base64"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/letterlock/letterlock/e2e/world"
	"github.com/letterlock/letterlock/internal/test/authority"
)

// shared is the world that all tests share. The first test that needs it starts
// it; TestMain stops it, and fails if processes or secrets in logs are left.
var shared struct {
	once      sync.Once
	err       error
	world     *world.World
	proxy     *world.Letterlock
	ca        *authority.CA
	caFile    string
	secrets   []string // strings that no log may contain
	users     int      // accounts that tests have taken
	addresses int      // addresses used
}

func TestMain(m *testing.M) {
	flag.Parse()
	if err := selectGroup(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	status := m.Run()
	if w := shared.world; w != nil {
		problems := w.Stop()
		for _, proxy := range w.Instances() {
			problems = append(problems, secretsIn(proxy)...)
		}
		for _, problem := range problems {
			status = 1
			fmt.Fprintf(os.Stderr, "at the end: %v\n", problem)
		}
		if status != 0 {
			showLogs(w)
		}
	}
	os.Exit(status)
}

// showLogs prints all logs, to help find the reason of a failure.
func showLogs(w *world.World) {
	for _, proxy := range w.Instances() {
		fmt.Fprintf(os.Stderr, "\n%s:\n%s\n", proxy.Name, strings.Join(proxy.Log.Since(0), "\n"))
	}
	for _, p := range []*world.Process{w.Postfix, w.Dovecot} {
		if p != nil {
			fmt.Fprintf(os.Stderr, "\n%s:\n%s\n", p.Name, strings.Join(p.Log.Since(0), "\n"))
		}
	}
}

// secretsIn searches an instance's log for the secrets of all tests.
func secretsIn(proxy *world.Letterlock) []error {
	var found []error
	for _, line := range proxy.Log.Since(0) {
		for _, secret := range shared.secrets {
			if strings.Contains(line, secret) {
				found = append(found, fmt.Errorf("%s: the secret %q is in the log: %s", proxy.Name, secret, line))
			}
		}
	}
	return found
}

// atEnd calls a function when the test ends, and fails the test on an error.
func atEnd(t *testing.T, stop func() error) {
	t.Helper()
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// needsServers returns the shared world, or skips the test if servers cannot be
// started.
func needsServers(t *testing.T) *world.World {
	t.Helper()
	if os.Getenv("LETTERLOCK_E2E") != "1" {
		t.Skip("needs root, and mail servers and clients from Debian: run `make test` and `make e2e-slow`, or e2e/install --slow and then LETTERLOCK_E2E=1 go test ./e2e/...")
	}
	shared.once.Do(func() { shared.err = startWorld(t) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.world
}

// proxy returns the address of one of the shared instance's listeners.
func proxy(t *testing.T, listener string) string {
	t.Helper()
	needsServers(t)
	address := shared.proxy.Address(listener)
	if address == "" {
		t.Fatalf("nothing listens for %s", listener)
	}
	return address
}

func startWorld(t *testing.T) error {
	w, err := world.New()
	if err != nil {
		return err
	}
	shared.world = w
	binary, err := program(w.Dir)
	if err != nil {
		return err
	}
	w.Users = users()
	w.Use(binary, certificates(t, w.Dir)...)
	if err := w.Start(); err != nil {
		return err
	}
	shared.proxy, err = w.Serve(20 * time.Second)
	return err
}

// program builds Letterlock, unless it has been built already: with the race
// detector if a C compiler may be expected.
func program(dir string) (string, error) {
	if built := os.Getenv("LETTERLOCK_BINARY"); built != "" {
		return filepath.Abs(built)
	}
	binary := filepath.Join(dir, "letterlock")
	args := []string{"build", "-o", binary}
	if os.Getenv("LETTERLOCK_E2E") == "1" {
		args = append(args, "-race")
	}
	if os.Getenv("GOCOVERDIR") != "" {
		args = append(args, "-cover", "-coverpkg=github.com/letterlock/letterlock/...")
	}
	out, err := exec.Command("go", append(args, "../cmd/letterlock")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return binary, nil
}

// certificates creates an ECDSA and an RSA certificate, for the world's host
// name and for the name that clients on this machine can resolve.
func certificates(t *testing.T, dir string) []world.Pair {
	t.Helper()
	shared.ca = authority.New(t)
	ecdsa := shared.ca.ECDSA(t, "mail.example.com", "localhost")
	rsa := shared.ca.RSA(t, "mail.example.com", "localhost")
	var pairs []world.Pair
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	chain, key := authority.PEM(t, ecdsa)
	pairs = append(pairs, world.Pair{Cert: write("ecdsa.pem", chain), Key: write("ecdsa.key", key)})
	chain, key = authority.PEM(t, rsa)
	pairs = append(pairs, world.Pair{Cert: write("rsa.pem", chain), Key: write("rsa.key", key)})
	shared.caFile = write("ca.pem", chain[strings.LastIndex(string(chain), "-----BEGIN"):])
	return pairs
}

// account is a user with a mailbox.
type account struct{ Name, Password string }

// address returns the account's mail address.
func (a account) address() string { return a.Name + "@example.com" }

// accounts is the number of accounts that tests can take.
const accounts = 500

// oddPassword has characters that programs must quote, escape or encode.
const oddPassword = `a "quoted" \back\\slash {5+} pass wörd, ünd 100%`

func users() map[string]string {
	all := map[string]string{"joerg": "word-of-joerg", "jörg": "word-of-jörg"}
	for i := range accounts {
		all[fmt.Sprintf("user%d", i)] = fmt.Sprintf("word-of-user-%d", i)
		all[fmt.Sprintf("odd%d", i)] = oddPassword
	}
	for name, password := range all {
		secret(name, password)
	}
	all["jörg"] += "::::::user=joerg" // Dovecot delivers to ASCII names only
	return all
}

// newAccount returns an account with an empty mailbox that no other test uses.
func newAccount(t *testing.T) account {
	t.Helper()
	return nextAccount(t, "user")
}

// nextAccount takes the next account of a family: of user, or of odd.
func nextAccount(t *testing.T, family string) account {
	t.Helper()
	a := named(t, fmt.Sprintf("%s%d", family, shared.users))
	shared.users++
	return a
}

// named returns an account by its name.
func named(t *testing.T, name string) account {
	t.Helper()
	fields, known := needsServers(t).Users[name]
	password, _, _ := strings.Cut(fields, ":")
	if !known {
		t.Fatalf("there is no user %s", name)
	}
	return account{name, password}
}

// secret registers a password as a secret, and the SASL tokens that contain it.
func secret(user, password string) {
	shared.secrets = append(shared.secrets, password)
	for _, token := range []string{password, "\x00" + user + "\x00" + password, user + "\x00" + user + "\x00" + password} {
		shared.secrets = append(shared.secrets, base64.StdEncoding.EncodeToString([]byte(token)))
	}
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

// logMark returns the current end of the shared instance's log.
func logMark(t *testing.T) int {
	t.Helper()
	needsServers(t)
	return shared.proxy.Log.Mark()
}

// awaitLogs waits for a number of lines.
func awaitLogs(t *testing.T, mark, count int, words ...string) {
	t.Helper()
	for range count {
		line := awaitLog(t, mark, words...)
		for i, each := range shared.proxy.Log.Since(mark) {
			if each == line {
				mark += i + 1
				break
			}
		}
	}
}
