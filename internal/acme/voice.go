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

// voice carries requests to the CA and listens to what it answers. autocert
// keeps no error but the last, which after a failed challenge is its own; and
// a failed renewal it tells nobody.
type voice struct {
	life    context.Context // no request outlives it
	log     *slog.Logger
	answers []string // types of challenges that may be tried
	base    http.RoundTripper

	mu     sync.Mutex
	said   map[string]string    // the last words by host; empty for what concerns none
	logged map[saying]time.Time // when it went to the log, for repeatTime
}

// saying is what the CA said about a host.
type saying struct{ host, words string }

const (
	maxAnswer  = 1 << 20 // bytes of any answer of a CA
	repeatTime = 10 * time.Minute
)

var errLongAnswer = errors.New("the answer of the CA is longer than 1 MiB")

// RoundTrip ends with the keeper's life.
func (v *voice) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(v.life, cancel)()
	res, err := v.base.RoundTrip(r.WithContext(ctx))
	if err != nil {
		if ctx.Err() == nil {
			v.heard("", fmt.Sprintf("nothing: %v", err))
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
	body = v.listen(body)
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

// answer has the keys of all documents that can tell of an error: the error
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

// routine are errors that are the CA's way of saying: once more.
var routine = []string{"badNonce", "accountDoesNotExist"}

// listen notes the errors in an answer, and takes the challenges out of it
// that cannot be answered.
func (v *voice) listen(body []byte) []byte {
	var a answer
	if json.Unmarshal(body, &a) != nil {
		return body
	}
	if _, kind, ok := strings.Cut(a.Type, "error:"); ok && !slices.Contains(routine, kind) {
		v.heard("", a.problem.String())
	}
	if a.Error != nil && len(a.Identifiers) > 0 {
		v.heard(a.Identifiers[0].Value, a.Error.String())
	}
	for _, c := range a.Challenges {
		if c.Error != nil {
			v.heard(a.Identifier.Value, c.Type+": "+c.Error.String())
		}
	}
	if len(a.Challenges) == 0 {
		return body
	}
	return v.withoutDeaf(body)
}

// withoutDeaf leaves the challenges of an authorization that have a listener.
// autocert would try TLS-ALPN-01 without one, and fail.
func (v *voice) withoutDeaf(body []byte) []byte {
	var document map[string]json.RawMessage
	var challenges []json.RawMessage
	if json.Unmarshal(body, &document) != nil || json.Unmarshal(document["challenges"], &challenges) != nil {
		return body
	}
	challenges = slices.DeleteFunc(challenges, func(raw json.RawMessage) bool {
		var c challenge
		return json.Unmarshal(raw, &c) != nil || !slices.Contains(v.answers, c.Type)
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

// heard remembers what was said about a host, and logs it unless it was
// logged just before: autocert asks for the same again and again.
func (v *voice) heard(host, words string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.said == nil {
		v.said, v.logged = map[string]string{}, map[saying]time.Time{}
	}
	v.said[host] = words
	now := time.Now()
	maps.DeleteFunc(v.logged, func(_ saying, at time.Time) bool { return now.Sub(at) > repeatTime })
	if _, just := v.logged[saying{host, words}]; !just {
		v.log.Warn("the CA answered: "+words, "host", host)
		v.logged[saying{host, words}] = now
	}
}

// about is what was said about a host or else about none, since forget.
func (v *voice) about(host string) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return cmp.Or(v.said[host], v.said[""])
}

func (v *voice) forget(host string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.said, host)
	delete(v.said, "")
}
