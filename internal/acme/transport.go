package acme

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// transport sends requests to the CA. It bounds the responses, and reads in them what
// acmez does not report: how long the CA asks to wait, its clock, and the issuers that a
// record for dns-persist-01 may name.
type transport struct {
	life    context.Context // ends all requests
	log     *slog.Logger
	answers []string // types of challenges that can be answered
	base    http.RoundTripper

	mu     sync.Mutex
	said   map[string]string    // the last error by host; the empty host is for errors without a host
	logged map[saying]time.Time // when an error was logged, for repeatTime
}

// saying is an error that the CA reported about a host.
type saying struct{ host, words string }

const (
	maxAnswer  = 1 << 20 // maximum bytes of a response of the CA
	repeatTime = 10 * time.Minute
)

var errLongAnswer = errors.New("the response of the CA is longer than 1 MiB")

// RoundTrip sends a request and reads the response. Both end with the keeper.
func (tr *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(tr.life, cancel)()
	res, err := tr.base.RoundTrip(r.WithContext(ctx))
	if err != nil {
		if ctx.Err() == nil {
			tr.record("", fmt.Sprintf("nothing: %v", err))
		}
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	_ = res.Body.Close()
	switch {
	case err != nil:
		return nil, err
	case len(body) > maxAnswer:
		return nil, errLongAnswer
	}
	body = tr.inspect(body)
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	res.Header.Del("Content-Length")
	return res, nil
}

// problem is an error document (RFC 7807, RFC 8555 §6.7).
type problem struct {
	Type        string    `json:"type"`
	Detail      string    `json:"detail"`
	Subproblems []problem `json:"subproblems"`
}

func (p problem) String() string {
	words := fmt.Sprintf("%s (%s)", p.Detail, p.Type[strings.LastIndexByte(p.Type, ':')+1:])
	for _, sub := range p.Subproblems {
		words += "; " + sub.String()
	}
	return words
}

// answer has the keys of all documents that can hold an error: the error
// itself, an order (RFC 8555 §7.1.3) and an authorization (§7.1.4).
type answer struct {
	problem
	Error      *problem `json:"error"`
	Identifier struct {
		Value string `json:"value"`
	} `json:"identifier"`
	Identifiers []struct {
		Value string `json:"value"`
	} `json:"identifiers"`
	Challenges []challenge `json:"challenges"`
}

type challenge struct {
	Type  string   `json:"type"`
	Error *problem `json:"error"`
}

// routine errors only ask the client to repeat its request.
var routine = []string{"badNonce", "accountDoesNotExist"}

// inspect records the errors in a response, and removes the challenges that cannot be
// answered.
func (tr *transport) inspect(body []byte) []byte {
	var a answer
	if json.Unmarshal(body, &a) != nil {
		return body
	}
	if _, kind, ok := strings.Cut(a.Type, "error:"); ok && !slices.Contains(routine, kind) {
		tr.record("", a.problem.String())
	}
	if a.Error != nil && len(a.Identifiers) > 0 {
		tr.record(a.Identifiers[0].Value, a.Error.String())
	}
	for _, c := range a.Challenges {
		if c.Error != nil {
			tr.record(a.Identifier.Value, c.Type+": "+c.Error.String())
		}
	}
	if len(a.Challenges) == 0 {
		return body
	}
	return tr.withAnswerable(body)
}

// withAnswerable keeps the challenges of an authorization that have a listener.
// autocert would try TLS-ALPN-01 without one, and fail.
func (tr *transport) withAnswerable(body []byte) []byte {
	var document map[string]json.RawMessage
	var challenges []json.RawMessage
	if json.Unmarshal(body, &document) != nil || json.Unmarshal(document["challenges"], &challenges) != nil {
		return body
	}
	challenges = slices.DeleteFunc(challenges, func(raw json.RawMessage) bool {
		var c challenge
		return json.Unmarshal(raw, &c) != nil || !slices.Contains(tr.answers, c.Type)
	})
	kept, err := json.Marshal(challenges)
	if err != nil {
		return body
	}
	document["challenges"] = kept
	if body, err := json.Marshal(document); err == nil {
		return body
	}
	return body
}

// record stores an error about a host. It logs the error once in repeatTime, because
// autocert repeats its requests.
func (tr *transport) record(host, words string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.said == nil {
		tr.said, tr.logged = map[string]string{}, map[saying]time.Time{}
	}
	tr.said[host] = words
	now := time.Now()
	maps.DeleteFunc(tr.logged, func(_ saying, at time.Time) bool { return now.Sub(at) > repeatTime })
	if _, just := tr.logged[saying{host, words}]; !just {
		tr.log.Warn("the CA answered: "+words, "host", host)
		tr.logged[saying{host, words}] = now
	}
}

// about returns the last error about the host since forget, or else the last error
// about no host.
func (tr *transport) about(host string) string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return cmp.Or(tr.said[host], tr.said[""])
}

func (tr *transport) forget(host string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	delete(tr.said, host)
	delete(tr.said, "")
}
