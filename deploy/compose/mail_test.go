package compose

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/mta"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// Two instances behind HAProxy get one certificate from a CA, and are replaced one
// after the other while clients work: no letter is lost or doubled, and no login
// is refused.
func TestMail(t *testing.T) {
	p := newProject(t, "mail", func(p *project) {
		p.certificate("pebble", "pebble")
		chain, _ := authority.PEM(p, p.ca.ECDSA(p, "the authority comes with it"))
		p.write("pebble/ca.pem", chain)
		p.copyTo("test/pebble.json", "pebble/pebble.json")
		p.copyTo("test/master-mail.cf", "test/master.cf")
		if out, err := try(p.T, "sh", p.folder+"/prepare"); err != nil {
			p.Fatal(out)
		}
	})
	instances := []string{"letterlock-a", "letterlock-b"}
	for _, name := range instances {
		waitHealthy(t, p.container(name))
	}
	issued := &tls.Config{RootCAs: p.issuer(), ServerName: "mail.example.com"}
	var common *x509.Certificate
	for _, address := range []string{"10.89.0.11:993", "10.89.0.12:993", "127.0.0.1:993"} {
		var leaf *x509.Certificate
		wait.Until(t, "no certificate of the CA at "+address, func() bool { leaf = served(address, issued); return leaf != nil })
		if common == nil {
			common = leaf
		}
		if !leaf.Equal(common) {
			t.Errorf("%s serves another certificate", address)
		}
	}

	const letters = 3000
	sender := &mta.Sender{Address: func() string { return "127.0.0.1:25" }, TLS: issued, To: "b@example.com", Letters: letters, Sessions: 6}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	sent := make(chan []mta.Letter, 1)
	go func() { sent <- sender.Run(ctx) }()
	logins, stopLogins := keepLoggingIn(ctx, issued)
	for i, name := range instances {
		before, count := sender.Sent(), logins.good.Load()
		p.compose("up", "--detach", "--no-deps", "--force-recreate", name)
		waitHealthy(t, p.container(name))
		t.Logf("%s was replaced within %d letters and %d logins", name, sender.Sent()-before, logins.good.Load()-count)
		if i == 0 {
			wait.Until(t, "the clients stand still", func() bool { return logins.good.Load() > count && ctx.Err() == nil })
		}
	}
	all := <-sent
	stopLogins()
	if ctx.Err() != nil {
		t.Fatalf("%+v within five minutes", mta.Sum(all))
	}
	for _, problem := range mta.Check(all, p.stored()) {
		t.Error(problem)
	}
	t.Logf("letters: %+v; logins: %d, interrupted: %d", mta.Sum(all), logins.good.Load(), logins.interrupted.Load())
	for _, refused := range logins.refused {
		t.Errorf("a login was refused: %s", refused)
	}
}

// copyTo copies a file of the project.
func (p *project) copyTo(from, to string) {
	p.Helper()
	if out, err := try(p.T, "cp", p.folder+"/"+from, p.folder+"/"+to); err != nil {
		p.Fatal(out)
	}
}

// issuer returns the root of the certificates that Pebble issues.
func (p *project) issuer() *x509.CertPool {
	p.Helper()
	client := http.Client{Transport: &http.Transport{TLSClientConfig: p.trust("pebble")}}
	pool := x509.NewCertPool()
	wait.Until(p, "Pebble does not answer", func() bool {
		response, err := client.Get("https://127.0.0.1:15000/roots/0")
		if err != nil {
			return false
		}
		defer func() { _ = response.Body.Close() }()
		text, err := io.ReadAll(response.Body)
		return err == nil && pool.AppendCertsFromPEM(text)
	})
	return pool
}

// served returns a server's certificate if it is trusted.
func served(address string, trust *tls.Config) *x509.Certificate {
	c, err := connect(address, trust)
	if err != nil {
		time.Sleep(100 * time.Millisecond)
		return nil
	}
	defer func() { _ = c.Close() }()
	return c.Conn.(*tls.Conn).ConnectionState().PeerCertificates[0]
}

var letterID = regexp.MustCompile(mta.IDHeader + `([0-9]+-of-[0-9]+)`)

// stored counts the letters in Postfix's queue.
func (p *project) stored() map[string]int {
	p.Helper()
	out := docker(p.T, "exec", p.container("postfix"), "sh", "-c", "cd /var/spool/postfix/hold && for f in *; do grep -a -o -m 1 '"+mta.IDHeader+"[0-9]*-of-[0-9]*' $f; done")
	count := map[string]int{}
	for line := range strings.Lines(out) {
		if m := letterID.FindStringSubmatch(line); m != nil {
			count[m[1]]++
		}
	}
	return count
}

// logins counts the logins of clients that work all the time.
type logins struct {
	good, interrupted atomic.Int64

	mu      sync.Mutex
	refused []string
}

// keepLoggingIn logs in again and again, until stop is called.
func keepLoggingIn(ctx context.Context, trust *tls.Config) (l *logins, stop func()) {
	const clients = 3
	l = &logins{}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	for i := range clients {
		running.Go(func() {
			for ctx.Err() == nil {
				l.once(fmt.Sprintf("user%d", i), trust)
			}
		})
	}
	return l, func() {
		cancel()
		running.Wait()
	}
}

// once logs in once. A connection that ends before the reply does not count as a
// refusal: the client connects again.
func (l *logins) once(user string, trust *tls.Config) {
	c, err := connect("127.0.0.1:993", trust)
	if err != nil {
		l.interrupted.Add(1)
		time.Sleep(10 * time.Millisecond)
		return
	}
	defer func() { _ = c.Close() }()
	switch reply, err := c.reply("a LOGIN "+user+" secret", "a "); {
	case err != nil:
		l.interrupted.Add(1)
		return
	case !strings.HasPrefix(reply, "a OK"):
		l.mu.Lock()
		l.refused = append(l.refused, reply)
		l.mu.Unlock()
		return
	}
	l.good.Add(1)
	_ = c.ask("c LOGOUT", "c OK")
}
