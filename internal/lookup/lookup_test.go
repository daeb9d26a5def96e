package lookup

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/loopback"
)

// patience is the timeout of lookups that must fail.
const patience = 300 * time.Millisecond

// client returns a Client that asks at a URL.
func client(t *testing.T, url string, change func(*Options)) (*Client, *Counts) {
	t.Helper()
	o := Options{
		Name: "users", URL: url, Timeout: 10 * time.Second, Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")},
		IsBackend: func(name string) bool { return name == "cyrus" }, Entries: 2, Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&o)
	}
	counts := &Counts{}
	c, err := New(o, counts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, counts
}

// server replies to each request with a text, and passes on the headers of the request
// as they were sent.
func server(t *testing.T, reply string) (url string, requests chan []string) {
	t.Helper()
	l := loopback.Listen(t)
	requests = make(chan []string, 16)
	loopback.Serve(l, func(conn net.Conn) { answer(conn, reply, requests) })
	return "http://" + l.Addr().String() + "/auth", requests
}

func answer(conn net.Conn, reply string, requests chan<- []string) {
	for r := bufio.NewReader(conn); ; {
		var lines []string
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			if line == "\r\n" {
				break
			}
			lines = append(lines, strings.TrimSuffix(line, "\r\n"))
		}
		requests <- lines
		_, _ = io.WriteString(conn, reply)
	}
}

const found = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nAuth-Status: OK\r\nAuth-Server: 10.0.0.7\r\nAuth-Port: 143\r\n\r\n"

// query is a login by PLAIN.
func query() Query {
	return Query{
		Protocol: "imap", Mechanism: "PLAIN", User: "alice@example.com", Owner: "alice@example.com", Password: "se cret%\r\n", Attempt: 2,
		Client: netip.MustParseAddr("192.0.2.7"), TLS: &tls.ConnectionState{Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256},
	}
}

// The names and values are those of nginx. The password is sent only if that is configured.
func TestRequest(t *testing.T) {
	url, requests := server(t, found)
	c, _ := client(t, url, nil)
	if a, err := c.Ask(t.Context(), query()); err != nil || a.Address != netip.MustParseAddrPort("10.0.0.7:143") {
		t.Fatalf("%+v, %v", a, err)
	}
	common := []string{
		"Auth-Method: plain", "Auth-User: alice@example.com", "Auth-Protocol: imap", "Auth-Login-Attempt: 2", "Client-IP: 192.0.2.7",
		"Auth-SSL: on", "Auth-SSL-Protocol: TLSv1.3", "Auth-SSL-Cipher: TLS_AES_128_GCM_SHA256",
	}
	expect(t, <-requests, common...)

	c, _ = client(t, url, func(o *Options) {
		o.SendPassword, o.SendCertificate = true, true
		o.Headers = func() http.Header { return http.Header{"X-Auth-Key": {"secret"}} }
	})
	q := query()
	q.Mechanism, q.Owner, q.Hello, q.HostName, q.Verify = "LOGIN", "admin", "client.example", "host.example", "SUCCESS"
	q.TLS.PeerCertificates = []*x509.Certificate{authority.New(t).Client(t, "alice").Leaf}
	if _, err := c.Ask(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	got := <-requests
	mostly := slices.DeleteFunc(slices.Clone(got), func(line string) bool {
		for _, name := range []string{"Subject", "Issuer", "Serial", "Fingerprint", "Cert"} {
			if value, ok := strings.CutPrefix(line, "Auth-SSL-"+name+": "); ok && value != "" && !strings.Contains(value, " ") {
				return true
			}
		}
		return false
	})
	if len(got)-len(mostly) != 5 {
		t.Errorf("the certificate is not described: %q", got)
	}
	expect(t, mostly, append(common, "Auth-Pass: se%20cret%25%0D%0A", "Auth-Login-User: admin", "Client-Host: host.example", "Auth-SMTP-Helo: client.example", "Auth-SSL-Verify: SUCCESS", "X-Auth-Key: secret")...)
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	host := slices.IndexFunc(got, func(line string) bool { return strings.HasPrefix(line, "Host: "+loopback.Host()+":") })
	if host < 0 || got[0] != "GET /auth HTTP/1.1" {
		t.Fatalf("%q", got)
	}
	got = slices.Delete(got, host, host+1)[1:]
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the headers are\n%s\nnot\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A user name cannot begin a header of its own.
func TestH20_NamesInjectNoHeader(t *testing.T) {
	url, requests := server(t, found)
	c, _ := client(t, url, nil)
	q := query()
	q.User = "a\r\nClient-IP: 10.0.0.1\r\n\r\nGET / \x00\x7f\t"
	q.Owner, q.Hello, q.HostName = q.User, "h\nX: y", "n\rX: y"
	if _, err := c.Ask(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	lines := <-requests
	if !slices.Contains(lines, "Auth-User: a%0D%0AClient-IP:%2010.0.0.1%0D%0A%0D%0AGET%20/%20%00%7F%09") || !slices.Contains(lines, "Client-IP: 192.0.2.7") {
		t.Errorf("%q", lines)
	}
}

// Equal requests are answered once, whatever number the attempt has. Failures, temporary
// refusals and answers with a password are not kept.
func TestAnswersAreKept(t *testing.T) {
	keep := func(o *Options) { o.Keep, o.KeepRefusals, o.SendPassword = time.Hour, time.Hour, true }
	for reply, requests := range map[string]int{
		found: 3,
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nAuth-Status: Invalid\r\n\r\n":                                                       3,
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nAuth-Status: Later\r\nAuth-Error-Code: 454\r\n\r\n":                                 5,
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nAuth-Status: OK\r\nAuth-Server: 10.0.0.7\r\nAuth-Port: 143\r\nAuth-Pass: x\r\n\r\n": 5,
		"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n":                                                                             5,
	} {
		url, received := server(t, reply)
		c, counts := client(t, url, keep)
		other, far := query(), query()
		other.Password, far.Client = "another", netip.MustParseAddr("192.0.2.8")
		again := query()
		again.Attempt = 7
		for _, q := range []Query{query(), again, other, other, far} {
			_, _ = c.Ask(t.Context(), q)
		}
		if len(received) != requests || counts.Now().Cached != uint64(5-requests) {
			t.Errorf("%q: %d requests, %+v", reply, len(received), counts.Now())
		}
	}
}

func TestCacheIsBounded(t *testing.T) {
	c, now := newCache(time.Minute, 2), time.Now()
	for i := range byte(3) {
		c.put(key{i}, Answer{Name: "x"}, now)
	}
	_, first := c.get(key{0}, now)
	_, last := c.get(key{2}, now.Add(time.Minute-1))
	_, late := c.get(key{1}, now.Add(time.Minute))
	if first || !last || late || c.order.Len() != 1 || len(c.entries) != 1 {
		t.Errorf("%t, %t, %t, %d, %d", first, last, late, c.order.Len(), len(c.entries))
	}
	c.put(key{2}, Answer{Name: "y"}, now)
	if a, _ := c.get(key{2}, now); a.Name != "y" || c.order.Len() != 1 {
		t.Errorf("%+v", a)
	}
}

// Keys of different requests differ, even if their texts joined are equal.
func TestKeys(t *testing.T) {
	secret := newSecret()
	a := keyOf([]field{{"A", "bc"}}, secret)
	if a != keyOf([]field{{"A", "bc"}}, secret) || a == keyOf([]field{{"Ab", "c"}}, secret) || a == keyOf([]field{{"A", "b"}, {"c", ""}}, secret) || a == keyOf([]field{{"A", "bc"}}, newSecret()) {
		t.Error("the keys do not tell requests apart")
	}
}
