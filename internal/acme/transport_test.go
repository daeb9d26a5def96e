package acme

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/mholt/acmez/v3/acme"

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

// Problems are reported in the CA's words, with a remedy that names the name.
func TestProblemsHaveRemedies(t *testing.T) {
	t.Parallel()
	failed := acme.Authorization{
		Identifier: acme.Identifier{Type: "dns", Value: "b.test"},
		Challenges: []acme.Challenge{{Type: "http-01", Error: &acme.Problem{}}},
	}
	for name, tt := range map[string]struct {
		err           error
		words, remedy string
	}{
		"rate limit":     {acme.Problem{Type: acme.ProblemTypeRateLimited, Detail: "too many"}, "the CA said: too many (rateLimited)", "nothing"},
		"with parts":     {acme.Problem{Type: acme.ProblemTypeCompound, Detail: "two", Subproblems: []acme.Subproblem{{Problem: acme.Problem{Type: acme.ProblemTypeCAA, Detail: "CAA forbids"}}}}, "two (compound); CAA forbids (caa)", remedyOther},
		"CAA":            {acme.Problem{Type: acme.ProblemTypeCAA, Detail: "CAA forbids"}, "CAA forbids (caa)", "CAA records of a.test"},
		"challenge":      {acme.Problem{Type: acme.ProblemTypeConnection, Detail: "refused", Resource: failed}, "the CA said: http-01: refused (connection)", "port 80 or 443 of b.test"},
		"profile":        {errors.New("unknown profile name 'x'; supported profiles: map[]"), "unknown profile", "acme.profile"},
		"CA down":        {&url.Error{Op: "Get", URL: "https://ca.test", Err: io.EOF}, "the CA cannot be reached", "https://ca.test/directory"},
		"clock":          {&url.Error{Op: "Get", URL: "https://ca.test", Err: x509.CertificateInvalidError{Reason: x509.Expired}}, "expired or is not yet valid", "clock"},
		"private CA":     {&url.Error{Op: "Get", URL: "https://ca.test", Err: x509.UnknownAuthorityError{}}, "unknown authority", "acme.ca_roots"},
		"own remedy":     {fmt.Errorf("presenting for challenge: %w", remedied{errNoRecord, "publish it"}), "no TXT record", "publish it"},
		"something else": {io.ErrUnexpectedEOF, "unexpected EOF", remedyOther},
	} {
		t.Run(name, func(t *testing.T) {
			k := &Keeper{o: Options{Directory: "https://ca.test/directory"}}
			words, remedy := k.describe(tt.err, &entry{names: []string{"a.test"}})
			if !strings.Contains(words, tt.words) || !strings.Contains(remedy, tt.remedy) {
				t.Errorf("%q, %q", words, remedy)
			}
		})
	}
}

// The transport reads how long the CA asks to wait, and compares the clocks.
func TestTransportReadsHeaders(t *testing.T) {
	t.Parallel()
	log := &wait.Log{}
	tr := &transport{life: t.Context(), log: slog.New(slog.NewTextHandler(log, nil))}
	now := time.Now()
	answer := func(status int, header, value string) {
		tr.inspect(&http.Response{StatusCode: status, Header: http.Header{header: {value}}}, nil, now)
	}
	answer(http.StatusOK, "Retry-After", "3600") // the interval of renewal information
	if tr.askedPause(now) > 0 {
		t.Error("a pause without an error")
	}
	answer(http.StatusTooManyRequests, "Retry-After", "3600")
	if got := tr.askedPause(now); got != time.Hour {
		t.Errorf("a pause of %s", got)
	}
	answer(http.StatusServiceUnavailable, "Retry-After", now.Add(2*time.Hour).UTC().Format(http.TimeFormat))
	if got := tr.askedPause(now).Round(time.Minute); got != 2*time.Hour {
		t.Errorf("a pause of %s", got)
	}
	answer(http.StatusOK, "Date", now.Add(time.Minute).UTC().Format(http.TimeFormat))
	if log.String() != "" {
		t.Error(log)
	}
	for range 2 {
		answer(http.StatusOK, "Date", now.Add(-48*time.Hour).UTC().Format(http.TimeFormat))
	}
	if got := tr.clockOffset().Round(time.Minute); got != -48*time.Hour || strings.Count(log.String(), "the clock of this machine differs") != 1 {
		t.Errorf("%s\n%s", got, log)
	}
}

func TestTransportBounds(t *testing.T) {
	t.Parallel()
	tr := &transport{life: t.Context(), log: slog.New(slog.DiscardHandler), base: responds(strings.Repeat("x", maxAnswer+1))}
	if _, err := ask(t, tr); !errors.Is(err, errLongAnswer) {
		t.Error(err)
	}
}

// A request ends with the keeper.
func TestTransportEnds(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
	c := authority.New(t).ECDSA(t, mail)
	life := lifeOf(c.Leaf)
	for _, tt := range []struct {
		passed time.Duration
		want   string
	}{
		{life / 2, ""}, {life * 7 / 10, ""}, {life * 9 / 10, "should have been renewed"}, {life + 1, "EXPIRED"},
	} {
		log := &wait.Log{}
		k := &Keeper{o: Options{Log: slog.New(slog.NewTextHandler(log, nil))}, table: newTable([][]string{{mail}}, DefaultKeys())}
		e := k.table.sets[0].entries[0]
		k.table.put(e, c)
		k.complain(e, c.Leaf.NotBefore.Add(tt.passed))
		if got := log.String(); !strings.Contains(got, tt.want) || tt.want == "" && got != "" {
			t.Errorf("after %s: %q", tt.passed, got)
		}
	}
}

// Any response of a CA can be read, and few of them are kept.
func FuzzInspect(f *testing.F) {
	for _, body := range []string{
		`{"identifier":{"value":"a"},"challenges":[{"type":"dns-persist-01","issuer-domain-names":["ca.test"]}]}`,
		`{"challenges":[]}`, `{"challenges":[1]}`, `[]`, ``, `{`,
	} {
		f.Add("120", body)
	}
	f.Fuzz(func(t *testing.T, header, body string) {
		tr := &transport{life: t.Context(), log: slog.New(slog.DiscardHandler)}
		res := &http.Response{StatusCode: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {header}, "Date": {header}}}
		tr.inspect(res, []byte(body), time.Now())
		if len(tr.issuers) > 1 {
			t.Errorf("%d names in one response", len(tr.issuers))
		}
	})
}
