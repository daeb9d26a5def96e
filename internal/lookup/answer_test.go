package lookup

import (
	"errors"
	"net/http"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

// Each reply is either a backend in the networks, a refusal, or unusable.
func TestH20_RepliesThatLie(t *testing.T) {
	address := func(text string) Answer { return Answer{Address: netip.MustParseAddrPort(text)} }
	at := "Auth-Status: OK\nAuth-Server: 10.0.0.7\nAuth-Port: 143\n"
	for name, tt := range map[string]struct {
		headers string
		want    Answer
		err     error
	}{
		"a server":               {at, address("10.0.0.7:143"), nil},
		"IPv6":                   {"Auth-Status: OK\nAuth-Server: fd00::1\nAuth-Port: 143\n", address("[fd00::1]:143"), nil},
		"IPv6 in brackets":       {"Auth-Status: OK\nAuth-Server: [fd00::1]\nAuth-Port: 143\n", address("[fd00::1]:143"), nil},
		"IPv4 in IPv6":           {"Auth-Status: OK\nAuth-Server: ::ffff:10.0.0.7\nAuth-Port: 143\n", address("10.0.0.7:143"), nil},
		"a backend's name":       {"Auth-Status: OK\nAuth-Server: cyrus\n", Answer{Name: "cyrus"}, nil},
		"other credentials":      {at + "Auth-User: box\nAuth-Pass: other\n", Answer{Address: netip.MustParseAddrPort("10.0.0.7:143"), User: "box", Password: "other"}, nil},
		"a refusal":              {"Auth-Status: Invalid login or password\nAuth-Wait: 3\n", Answer{Refusal: "Invalid login or password", Wait: 3 * time.Second}, nil},
		"a refusal at once":      {"Auth-Status: No\nAuth-Wait: soon\n", Answer{Refusal: "No"}, nil},
		"a code":                 {"Auth-Status: No\nAuth-Error-Code: 454 4.7.0\n", Answer{Refusal: "No", Code: "454 4.7.0"}, nil},
		"a short code":           {"Auth-Status: No\nAuth-Error-Code: 535\n", Answer{Refusal: "No", Code: "535"}, nil},
		"an acceptance as code":  {"Auth-Status: No\nAuth-Error-Code: 235 2.7.0\n", Answer{Refusal: "No"}, nil},
		"a goodbye as code":      {"Auth-Status: No\nAuth-Error-Code: 421\n", Answer{Refusal: "No"}, nil},
		"a code with text":       {"Auth-Status: No\nAuth-Error-Code: 535 5.7.8 words\n", Answer{Refusal: "No", Code: "535"}, nil},
		"contradicting codes":    {"Auth-Status: No\nAuth-Error-Code: 535 2.7.0\n", Answer{Refusal: "No", Code: "535"}, nil},
		"wait":                   {"Auth-Status: WAIT\nAuth-Wait: 2\n", Answer{Refusal: tryAgain, Code: temporary, Wait: 2 * time.Second}, nil},
		"wait without a time":    {"Auth-Status: WAIT\n", Answer{Refusal: tryAgain, Code: temporary, Wait: time.Second}, nil},
		"a year":                 {"Auth-Status: No\nAuth-Wait: 31536000\n", Answer{Refusal: "No", Wait: maxWait}, nil},
		"odd characters":         {"Auth-Status: \xc3\xa9\n", Answer{Refusal: "?"}, nil},
		"a long text":            {"Auth-Status: " + strings.Repeat("x", 5000) + "\n", Answer{Refusal: strings.Repeat("x", maxText)}, nil},
		"no status":              {"Auth-Server: 10.0.0.7\nAuth-Port: 143\n", Answer{}, errStatus},
		"twice":                  {at + "Auth-Server: 10.0.0.8\n", Answer{}, errTwice},
		"a public server":        {"Auth-Status: OK\nAuth-Server: 203.0.113.9\nAuth-Port: 143\n", Answer{}, errNetwork},
		"this machine":           {"Auth-Status: OK\nAuth-Server: 127.0.0.1\nAuth-Port: 143\n", Answer{}, errNetwork},
		"a host name":            {"Auth-Status: OK\nAuth-Server: mail.lan\nAuth-Port: 143\n", Answer{}, errServer},
		"a socket":               {"Auth-Status: OK\nAuth-Server: unix:/run/x\nAuth-Port: 143\n", Answer{}, errServer},
		"a zone":                 {"Auth-Status: OK\nAuth-Server: fd00::1%eth0\nAuth-Port: 143\n", Answer{}, errServer},
		"no server":              {"Auth-Status: OK\nAuth-Port: 143\n", Answer{}, errServer},
		"no port":                {"Auth-Status: OK\nAuth-Server: 10.0.0.7\n", Answer{}, errPort},
		"port 0":                 {"Auth-Status: OK\nAuth-Server: 10.0.0.7\nAuth-Port: 0\n", Answer{}, errPort},
		"a port too high":        {"Auth-Status: OK\nAuth-Server: 10.0.0.7\nAuth-Port: 65536\n", Answer{}, errPort},
		"a service":              {"Auth-Status: OK\nAuth-Server: 10.0.0.7\nAuth-Port: imap\n", Answer{}, errPort},
		"control characters":     {at + "Auth-User: a\x01b\n", Answer{}, errHeader},
		"a long password":        {at + "Auth-Pass: " + strings.Repeat("x", maxName+1) + "\n", Answer{}, errValue},
		"a status in lower case": {"Auth-Status: ok\n", Answer{Refusal: "ok"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, _ := server(t, "HTTP/1.1 204 OK\r\n"+strings.ReplaceAll(tt.headers, "\n", "\r\n")+"\r\n")
			c, counts := client(t, url, nil)
			got, err := c.Ask(t.Context(), query())
			if !errors.Is(err, tt.err) || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%+v, %v", got, err)
			}
			if n := counts.Now(); n.Found+n.Refused+n.Failed != 1 || (n.Failed == 1) != (err != nil) || (n.Refused == 1) != got.Refused() {
				t.Errorf("%+v", n)
			}
		})
	}
}

func TestParseURL(t *testing.T) {
	for text, want := range map[string][2]string{
		"http://auth.lan/mail":         {"http://auth.lan/mail", ""},
		"https://[::1]:8443/x?y=z":     {"https://[::1]:8443/x?y=z", ""},
		"unix:/run/auth.sock:/mail":    {"http://localhost/mail", "/run/auth.sock"},
		"unix:/run/auth.sock":          {"http://localhost", "/run/auth.sock"},
		"ftp://auth.lan/":              {},
		"auth.lan/mail":                {},
		"http://user:secret@auth.lan/": {},
		"http:///mail":                 {},
		"unix:run/auth.sock":           {},
		"unix:/run/auth.sock:mail":     {},
		"http://auth.lan/%zz":          {},
		"":                             {},
	} {
		target, socket, err := ParseURL(text)
		if target != want[0] || socket != want[1] || (err == nil) != (want[0] != "") {
			t.Errorf("%q: %q, %q, %v", text, target, socket, err)
		}
	}
}

func FuzzReply(f *testing.F) {
	for _, text := range []string{"OK\n10.0.0.7\n143\nbox\nother\n3\n535 5.7.8", "No\n\n\n\n\n-1\n999", "WAIT\n[fd00::1]\n0\n\x00"} {
		f.Add(text)
	}
	o := Options{Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, IsBackend: func(name string) bool { return name == "cyrus" }}
	names := []string{"Auth-Status", "Auth-Server", "Auth-Port", "Auth-User", "Auth-Pass", "Auth-Wait", "Auth-Error-Code"}
	f.Fuzz(func(t *testing.T, text string) {
		h := http.Header{}
		for i, value := range strings.SplitN(text, "\n", len(names)) {
			h.Set(names[i], value)
		}
		a, err := o.parse(h)
		odd := func(text string) bool { return strings.ContainsAny(text, "\r\n\x00") }
		switch {
		case err != nil:
		case odd(a.Refusal), odd(a.Code), odd(a.User), odd(a.Password), a.Wait < 0, a.Wait > maxWait:
			t.Errorf("%+v", a)
		case !a.Refused() && a.Name != "cyrus" && !o.Networks[0].Contains(a.Address.Addr()):
			t.Errorf("%+v", a)
		}
	})
}
