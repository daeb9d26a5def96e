package dnsupdate

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/libdns/libdns"
)

func records(name, text string) []libdns.Record {
	return []libdns.Record{libdns.TXT{Name: name, TTL: time.Minute, Text: text}}
}

func TestTSIGKeys(t *testing.T) {
	want := tsig{"letterlock", "hmac-sha256", "c2VjcmV0"}
	for _, text := range []string{
		"key \"letterlock\" {\n\talgorithm hmac-sha256;\n\tsecret \"c2VjcmV0\";\n};\n",
		"# made by tsig-keygen\nkey letterlock { algorithm HMAC-SHA256; secret c2VjcmV0; };",
		"hmac-sha256:letterlock:c2VjcmV0\n",
	} {
		if got, err := parseTSIG(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "c2VjcmV0", "hmac-md5:k:c2VjcmV0", "hmac-sha256:k:not base64", "hmac-sha256::c2VjcmV0", "key k { algorithm hmac-sha256; };"} {
		if got, err := parseTSIG(text); err == nil || strings.Contains(err.Error(), "base64") {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func FuzzTSIG(f *testing.F) {
	f.Add("key \"letterlock\" {\n\talgorithm hmac-sha256;\n\tsecret \"c2VjcmV0\";\n};\n")
	f.Add("hmac-sha256:letterlock:c2VjcmV0")
	f.Fuzz(func(t *testing.T, text string) {
		key, err := parseTSIG(text)
		if err == nil && (key.name == "" || key.secret == "" || !strings.HasPrefix(key.algorithm, "hmac-")) {
			t.Errorf("%q: %v", text, key)
		}
	})
}

// The program gets the record as arguments and in the environment, and no variable of
// the proxy's.
func TestExec(t *testing.T) {
	t.Setenv("LETTERLOCK_SECRET", "secret")
	dir := t.TempDir()
	program, out := filepath.Join(dir, "hook"), filepath.Join(dir, "out")
	script := "#!/bin/sh\n{ echo \"$*\"; env | sort; } >>" + out + "\n"
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	p, err := NewProvider(Options{Method: Exec, Command: []string{program, "-v"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.AppendRecords(t.Context(), "example.test.", records("_acme-challenge", "a b")); err != nil {
		t.Fatal(err)
	}
	if _, err := p.DeleteRecords(t.Context(), "example.test.", records("@", "a b")); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"-v add _acme-challenge.example.test. a b\n", "LETTERLOCK_DNS_ACTION=add\n", "LETTERLOCK_DNS_NAME=_acme-challenge.example.test.\n", "LETTERLOCK_DNS_TEXT=a b\n",
		"LETTERLOCK_DNS_TTL=60\n", "LETTERLOCK_DNS_TYPE=TXT\n", "LETTERLOCK_DNS_ZONE=example.test.\n", "-v remove example.test. a b\n",
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(string(got), "SECRET") {
		t.Error("the program has a variable of the proxy's")
	}
}

// An error quotes the beginning of the output.
func TestExecFails(t *testing.T) {
	p := &command{[]string{"/bin/sh", "-c", "printf 'no such zone%2000s' x >&2; exit 3"}}
	_, err := p.AppendRecords(t.Context(), "example.test.", records("x", "text"))
	if err == nil || !strings.Contains(err.Error(), "exit status 3: no such zone") || len(err.Error()) > commandOutput+100 {
		t.Error(err)
	}
	if _, err := (&command{[]string{"/no/such/program"}}).AppendRecords(t.Context(), "example.test.", records("x", "text")); err == nil {
		t.Error("a missing program")
	}
}

// api is a host's API that records the requests, and answers from a table.
type api struct {
	answers map[string]string // by method and path
	asked   []string
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	key := r.Method + " " + r.URL.Path
	a.asked = append(a.asked, fmt.Sprintf("%s %s", key, body))
	answer, ok := a.answers[key]
	if !ok {
		http.Error(w, `{"error": "not found"}`, http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, answer)
}

// The API replaces all records of a name, so those of others are sent again.
func TestPowerDNS(t *testing.T) {
	const zone = "/api/v1/servers/localhost/zones/example.test."
	a := &api{answers: map[string]string{
		"GET " + zone:   `{"rrsets": [{"name": "x.example.test.", "type": "TXT", "records": [{"content": "\"other\""}]}, {"name": "x.example.test.", "type": "A", "records": [{"content": "192.0.2.1"}]}]}`,
		"PATCH " + zone: ``,
	}}
	server := httptest.NewServer(a)
	defer server.Close()
	p, err := NewProvider(Options{Method: PowerDNS, Server: server.URL + "/", Secret: "token\n"})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		do   func() error
		want string
	}{
		{func() error { _, err := p.AppendRecords(t.Context(), "example.test.", records("x", "new")); return err }, `"changetype":"REPLACE","records":[{"content":"\"other\"","disabled":false},{"content":"\"new\"","disabled":false}]`},
		{func() error {
			_, err := p.DeleteRecords(t.Context(), "example.test.", records("x", "other"))
			return err
		}, `"changetype":"DELETE","records":[]`},
		{func() error {
			_, err := p.DeleteRecords(t.Context(), "example.test.", records("x", "gone"))
			return err
		}, `"changetype":"REPLACE","records":[{"content":"\"other\"","disabled":false}]`},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if got := a.asked[len(a.asked)-1]; !strings.Contains(got, step.want) {
			t.Errorf("%s, not %s", got, step.want)
		}
	}
	if _, err := p.AppendRecords(t.Context(), "unknown.test.", records("x", "new")); err == nil || !strings.Contains(err.Error(), "404") || strings.Contains(err.Error(), "token") {
		t.Error(err)
	}
}

// redirected sends all requests of a test to one server.
type redirected struct{ to *httptest.Server }

func (r redirected) RoundTrip(q *http.Request) (*http.Response, error) {
	q = q.Clone(q.Context())
	q.URL.Scheme, q.URL.Host = "http", r.to.Listener.Addr().String()
	return http.DefaultTransport.RoundTrip(q)
}

// The providers of libdns are called with the token from the file. Their own tests cover
// what they say to the APIs, which cannot be reached from a test.
func TestProvidersOfLibdns(t *testing.T) {
	var authorization string
	a := &api{answers: map[string]string{
		"GET /client/v4/zones":                 `{"success": true, "result": [{"id": "z1", "name": "example.test"}]}`,
		"POST /client/v4/zones/z1/dns_records": `{"success": true, "result": {"id": "r1", "type": "TXT", "name": "x.example.test", "content": "\"text\"", "ttl": 60}}`,
	}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		authorization = r.Header.Get("Authorization")
		a.ServeHTTP(w, r)
	}))
	defer server.Close()
	p, err := newCloudflare("token", &http.Client{Transport: redirected{server}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.AppendRecords(t.Context(), "example.test.", records("x", "text")); err != nil {
		t.Fatal(err)
	}
	var sent struct{ Type, Name, Content string }
	_, body, _ := strings.Cut(a.asked[len(a.asked)-1], "dns_records ")
	if err := json.Unmarshal([]byte(body), &sent); err != nil || sent.Type != "TXT" || !strings.Contains(sent.Content, "text") || authorization != "Bearer token" {
		t.Errorf("%+v, %s, %v", sent, authorization, err)
	}
}

func TestNewProvider(t *testing.T) {
	for name, o := range map[string]Options{
		"rfc2136":    {Method: RFC2136, Server: "127.0.0.1:53", Secret: "hmac-sha256:k:c2VjcmV0"},
		"exec":       {Method: Exec, Command: []string{"/bin/true"}},
		"cloudflare": {Method: Cloudflare, Secret: "token\n"},
		"desec":      {Method: DeSEC, Secret: "token"},
		"hetzner":    {Method: Hetzner, Secret: "token"},
		"ovh":        {Method: OVH, Secret: "application_key = a\napplication_secret=b\nconsumer_key=c\n"},
		"route53":    {Method: Route53, Secret: "access_key_id=a\nsecret_access_key=b\n"},
		"powerdns":   {Method: PowerDNS, Server: "http://127.0.0.1:8081", Secret: "token"},
	} {
		if _, err := NewProvider(o); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if o.Secret == "" {
			continue
		}
		o.Secret = "two\nlines"
		if _, err := NewProvider(o); err == nil {
			t.Errorf("%s accepts another file", name)
		}
	}
	if _, err := NewProvider(Options{Method: "unknown", Secret: "x"}); err == nil {
		t.Error("an unknown method")
	}
}
