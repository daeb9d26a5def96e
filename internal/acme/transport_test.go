package acme

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/wait"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func responds(body string) roundTrip {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

// ask sends one request through a transport and returns the response.
func ask(t *testing.T, tr *transport) (string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://ca.test/", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := tr.RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil || int64(len(body)) != res.ContentLength {
		t.Fatalf("%d bytes of %d, %v", len(body), res.ContentLength, err)
	}
	return string(body), nil
}

func TestTransportReportsTheCAsErrors(t *testing.T) {
	tests := map[string]struct{ body, host, want string }{
		"a problem": {`{"type":"urn:ietf:params:acme:error:rateLimited","detail":"too many"}`, "", "too many (rateLimited)"},
		"with parts": {
			`{"type":"urn:ietf:params:acme:error:compound","detail":"two","subproblems":[{"type":"urn:ietf:params:acme:error:caa","detail":"CAA forbids"}]}`,
			"", "two (compound); CAA forbids (caa)",
		},
		"a failed order": {
			`{"status":"invalid","identifiers":[{"type":"dns","value":"a.test"}],"error":{"type":"urn:ietf:params:acme:error:dns","detail":"NXDOMAIN"}}`,
			"a.test", "NXDOMAIN (dns)",
		},
		"a failed challenge": {
			`{"status":"invalid","identifier":{"type":"dns","value":"a.test"},"challenges":[{"type":"http-01","error":{"type":"urn:ietf:params:acme:error:connection","detail":"refused"}}]}`,
			"a.test", "http-01: refused (connection)",
		},
		"routine":      {`{"type":"urn:ietf:params:acme:error:badNonce","detail":"once more"}`, "", ""},
		"no error":     {`{"status":"valid","identifiers":[{"type":"dns","value":"a.test"}]}`, "a.test", ""},
		"no JSON":      {"-----BEGIN CERTIFICATE-----", "", ""},
		"another JSON": {`[1,2]`, "", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			log := &wait.Log{}
			tr := &transport{life: t.Context(), log: slog.New(slog.NewTextHandler(log, nil)), base: responds(tt.body), answers: []string{"http-01"}}
			for range 3 {
				if _, err := ask(t, tr); err != nil {
					t.Fatal(err)
				}
			}
			if got := tr.about(tt.host); got != tt.want {
				t.Errorf("%q, not %q", got, tt.want)
			}
			if got, want := strings.Count(log.String(), "\n"), min(len(tt.want), 1); got != want {
				t.Errorf("logged %d times", got)
			}
			tr.forget(tt.host)
			if tr.about(tt.host) != "" {
				t.Error("not forgotten")
			}
		})
	}
}

// autocert tries TLS-ALPN-01 first, even if nothing answers it.
func TestTransportHidesChallengesWithoutListener(t *testing.T) {
	const body = `{"status":"pending","identifier":{"type":"dns","value":"a.test"},"challenges":[{"type":"tls-alpn-01","token":"t1"},{"type":"http-01","token":"t2"},{"type":"dns-01","token":"t3"}]}`
	tr := &transport{life: t.Context(), log: slog.New(slog.DiscardHandler), base: responds(body), answers: []string{"http-01"}}
	got, err := ask(t, tr)
	if err != nil || !strings.Contains(got, `"challenges":[{"type":"http-01","token":"t2"}]`) || !strings.Contains(got, `"status":"pending"`) {
		t.Errorf("%s, %v", got, err)
	}
}

func TestTransportBounds(t *testing.T) {
	tr := &transport{life: t.Context(), log: slog.New(slog.DiscardHandler), base: responds(strings.Repeat("x", maxAnswer+1))}
	if _, err := ask(t, tr); !errors.Is(err, errLongAnswer) {
		t.Error(err)
	}
}

// A request ends with the keeper.
func TestTransportEnds(t *testing.T) {
	life, end := context.WithCancel(t.Context())
	log := &wait.Log{}
	begun := make(chan struct{})
	tr := &transport{life: life, log: slog.New(slog.NewTextHandler(log, nil)), base: roundTrip(func(r *http.Request) (*http.Response, error) {
		close(begun)
		<-r.Context().Done()
		return nil, r.Context().Err()
	})}
	go func() { <-begun; end() }()
	if _, err := ask(t, tr); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if log.String() != "" {
		t.Errorf("the log reports an error of the CA: %s", log)
	}
}

func TestComplain(t *testing.T) {
	c := authority.New(t).ECDSA(t, mail)
	life := c.Leaf.NotAfter.Sub(c.Leaf.NotBefore)
	for _, tt := range []struct {
		passed time.Duration
		want   string
	}{
		{life / 2, ""}, {life * 7 / 10, ""}, {life * 9 / 10, "should have been renewed"}, {life + 1, "EXPIRED"},
	} {
		log := &wait.Log{}
		k := &Keeper{o: Options{Log: slog.New(slog.NewTextHandler(log, nil))}, transport: &transport{}}
		k.complain(c, c.Leaf.NotBefore.Add(tt.passed))
		if got := log.String(); !strings.Contains(got, tt.want) || tt.want == "" && got != "" {
			t.Errorf("after %s: %q", tt.passed, got)
		}
	}
}

// For any response of a CA, the inspected response has the same content,
// without the challenges that cannot be answered.
func FuzzListen(f *testing.F) {
	for _, body := range []string{
		`{"type":"urn:ietf:params:acme:error:rateLimited","detail":"too many","subproblems":[{"detail":"x"}]}`,
		`{"identifier":{"value":"a"},"challenges":[{"type":"http-01","url":"u"},{"type":"tls-alpn-01","error":{"detail":"no"}}]}`,
		`{"identifiers":[{"value":"a"}],"error":{"detail":"no"}}`, `{"challenges":[]}`, `{"challenges":[1]}`, `[]`, ``, `{`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		tr := &transport{life: t.Context(), log: slog.New(slog.DiscardHandler), answers: []string{"http-01"}}
		inspected := tr.inspect(bytes.Clone(body))
		var before, after map[string]json.RawMessage
		if json.Unmarshal(body, &before) != nil {
			if !bytes.Equal(inspected, body) {
				t.Fatalf("%q became %q", body, inspected)
			}
			return
		}
		if err := json.Unmarshal(inspected, &after); err != nil || len(after) != len(before) {
			t.Fatalf("%q became %q, %v", body, inspected, err)
		}
		var challenges []challenge
		if json.Unmarshal(before["challenges"], &challenges) != nil || len(challenges) == 0 {
			return // there are none, or it is another document
		}
		challenges = nil
		if err := json.Unmarshal(after["challenges"], &challenges); err != nil {
			t.Fatalf("%q became %q, %v", body, inspected, err)
		}
		for _, c := range challenges {
			if c.Type != "http-01" {
				t.Fatalf("%q stays", c.Type)
			}
		}
	})
}
