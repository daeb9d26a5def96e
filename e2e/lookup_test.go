// Users whose servers an HTTP endpoint names: the servers' logs show which server a
// login has reached.

package e2e

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/letterlock/letterlock/e2e/world"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// directory is an endpoint of nginx's auth_http: users of far.example have the believers'
// servers, and all others the shared ones.
type directory struct {
	*httptest.Server
	near, far map[string]int // ports, by protocol
	down      atomic.Bool
	password  atomic.Bool // a request had one
}

func newDirectory(t *testing.T, w *world.World, b *world.Believers) *directory {
	d := &directory{
		near: map[string]int{"imap": w.Ports.IMAP, "pop3": w.Ports.POP3, "sieve": w.Ports.Sieve, "smtp": w.Ports.Submission},
		far:  map[string]int{"imap": b.Ports.IMAP, "pop3": b.Ports.POP3, "sieve": b.Ports.Sieve, "smtp": b.Ports.SMTPLogin},
	}
	d.Server = httptest.NewServer(d)
	t.Cleanup(d.Close)
	return d
}

func (d *directory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Auth-Pass") != "" {
		d.password.Store(true)
	}
	ports := d.near
	switch user := r.Header.Get("Auth-User"); {
	case d.down.Load(), r.Header.Get("Auth-Protocol") == "smtp" && r.Header.Get("Auth-SMTP-Helo") == "":
		w.WriteHeader(http.StatusBadGateway)
		return
	case strings.HasPrefix(user, "ghost"):
		w.Header().Set("Auth-Status", "Invalid login or password")
		w.Header().Set("Auth-Wait", "1")
		return
	case strings.HasSuffix(user, "@far.example"):
		ports = d.far
	}
	w.Header().Set("Auth-Status", "OK")
	w.Header().Set("Auth-Server", "127.0.0.1")
	w.Header().Set("Auth-Port", strconv.Itoa(ports[r.Header.Get("Auth-Protocol")]))
}

// TestLookup sends users to the servers that the endpoint names, in all protocols.
func TestLookup(t *testing.T) {
	w, b, near := needsServers(t), believers(t), newAccount(t)
	d := newDirectory(t, w, b)
	listener := func(service string, backend int, handover string) world.Listener {
		return world.Listener{Name: service, Service: service, Backend: backend, Keys: []string{"handover: " + handover, "lookup: users"}}
	}
	l := serveCustom(t, fmt.Sprintf(`lookups: [{name: users, url: "%s/auth", cache: 0s}]`, d.URL), listener("imaps", w.Ports.IMAP, "imap-id"), listener("pop3s", w.Ports.POP3, "pop3-xclient"),
		listener("sieve", w.Ports.Sieve, "xclient"), listener("submissions", w.Ports.Submission, "none"))
	carol := account{"carol@far.example", world.BelieverPassword}
	for service := range logins {
		t.Run(service, func(t *testing.T) {
			here, there := w.Dovecot.Log.Mark(), b.Dovecot.Log.Mark()
			if !enters(t, l, service, near) || !enters(t, l, service, carol) {
				t.Fatal("no login")
			}
			if service != "submissions" {
				awaitIn(t, w.Dovecot, here, "Login: user=<"+near.Name+">", "rip="+clientAddress)
				awaitIn(t, b.Dovecot, there, "Login: user=<"+carol.Name+">", "rip="+clientAddress)
			}
		})
	}
	if d.password.Load() {
		t.Error("the endpoint has received a password")
	}

	imap := func() *client {
		c, _ := dialFrom(t, clientAddress, l.Address("imaps"))
		c.startTLS()
		c.expect("* OK")
		return c
	}
	t.Run("a refusal", func(t *testing.T) {
		c := imap()
		c.send("a LOGIN ghost secret")
		c.expect("a NO [AUTHENTICATIONFAILED] Invalid login or password")
		c.send("b LOGIN " + near.Name + " " + near.Password)
		if !strings.Contains("\n"+c.readUntil("b "), "\nb OK") {
			t.Error("the client cannot try again")
		}
	})
	t.Run("the endpoint is down", func(t *testing.T) {
		d.down.Store(true)
		defer d.down.Store(false)
		mark, c := l.Log.Mark(), imap()
		c.send("a LOGIN " + near.Name + " " + near.Password)
		c.expect("a NO [UNAVAILABLE] Temporary authentication failure")
		awaitIn(t, l.Process, mark, "the lookup of backends fails", "status 502", "remedy=")
		d.down.Store(false)
		c.send("b LOGIN " + near.Name + " " + near.Password)
		if !strings.Contains("\n"+c.readUntil("b "), "\nb OK") {
			t.Error("the client cannot try again")
		}
		awaitIn(t, l.Process, mark, "the lookup of backends answers again")
	})
}

// TestLookupBesideNginx checks that nginx's mail proxy and Letterlock send the same users
// to the same servers, by the same endpoint.
func TestLookupBesideNginx(t *testing.T) {
	w, b, near := needsServers(t), believers(t), newAccount(t)
	d := newDirectory(t, w, b)
	l := serveCustom(t, fmt.Sprintf(`lookups: [{name: users, url: "%s/auth", send_password: true}]`, d.URL),
		world.Listener{Name: "imaps", Service: "imaps", Backend: w.Ports.IMAP, Keys: []string{"lookup: users"}})
	front := loopback.FreeAddress(t)
	p, err := w.StartNginx(fmt.Sprintf(`load_module /usr/lib/nginx/modules/ngx_mail_module.so;
error_log stderr info;
pid /run/nginx.pid;
events { }
mail {
  auth_http %s/auth;
  server { listen %s; protocol imap; }
}
`, strings.TrimPrefix(d.URL, "http://"), front))
	if err != nil {
		t.Fatal(err)
	}
	atEnd(t, p.Stop)
	listens := func() bool {
		conn, err := net.Dial("tcp", front)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}
	if !wait.Happens(func() bool { return listens() || !p.Running() }) || !p.Running() {
		t.Fatalf("nginx does not listen\n%s", p.Log.Tail())
	}
	carol := account{"carol@far.example", world.BelieverPassword}
	through := map[string]func() *client{
		"nginx": func() *client {
			c, _ := dialFrom(t, clientAddress, front)
			return c
		},
		"letterlock": func() *client {
			c, _ := dialFrom(t, clientAddress, l.Address("imaps"))
			c.startTLS()
			return c
		},
	}
	for name, connect := range through {
		t.Run(name, func(t *testing.T) {
			for _, user := range []struct {
				account
				at *world.Process
			}{{near, w.Dovecot}, {carol, b.Dovecot}} {
				mark, c := user.at.Log.Mark(), connect()
				c.expect("* OK")
				c.send("a LOGIN " + user.Name + " " + user.Password)
				if !strings.Contains("\n"+c.readUntil("a "), "\na OK") {
					t.Errorf("%s cannot log in", user.Name)
				}
				awaitIn(t, user.at, mark, "Login: user=<"+user.Name+">")
			}
			c := connect()
			c.expect("* OK")
			c.send("a LOGIN ghost secret")
			if line := c.line(); !strings.HasPrefix(line, "a NO ") || !strings.HasSuffix(line, "Invalid login or password") {
				t.Errorf("a refusal becomes %q", line)
			}
		})
	}
	if !d.password.Load() {
		t.Error("the endpoint has received no password")
	}
}
