package acme

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// transport sends requests to the CA. It bounds the responses, and reads in them what
// acmez does not report: how long the CA asks to wait, its clock, and the issuers that a
// record for dns-persist-01 may name.
type transport struct {
	life context.Context // ends all requests
	log  *slog.Logger
	base http.RoundTripper

	mu      sync.Mutex
	until   time.Time // no request before it, says the CA
	offset  time.Duration
	warned  time.Time           // when the clock was last logged
	issuers map[string][]string // by the name that is proved
}

const (
	maxAnswer  = 1 << 20 // maximum bytes of a response of the CA
	maxOffset  = 5 * time.Minute
	clockTime  = 24 * time.Hour // between two log lines about the clock
	maxIssuers = 1000           // names whose issuers are kept
)

var errLongAnswer = errors.New("the response of the CA is longer than 1 MiB")

// RoundTrip sends a request and reads the response. Both end with the keeper.
func (tr *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(tr.life, cancel)()
	res, err := tr.base.RoundTrip(r.WithContext(ctx))
	if err != nil {
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
	tr.inspect(res, body, time.Now())
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	res.Header.Del("Content-Length")
	return res, nil
}

func (tr *transport) inspect(res *http.Response, body []byte, now time.Time) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if res.StatusCode >= http.StatusBadRequest {
		if until := retryAfter(res.Header, now); until.After(tr.until) {
			tr.until = until
		}
	}
	if date, err := http.ParseTime(res.Header.Get("Date")); err == nil {
		tr.compareClock(date.Sub(now).Round(time.Second), now)
	}
	tr.noteIssuers(body)
}

// compareClock warns once a day of a clock that is far off: certificates would be
// renewed too late, and clients with the right time refuse those that seem valid here.
func (tr *transport) compareClock(offset time.Duration, now time.Time) {
	tr.offset = offset
	if offset.Abs() < maxOffset || now.Sub(tr.warned) < clockTime {
		return
	}
	tr.warned = now
	tr.log.Warn("the clock of this machine differs from the CA's: set it, for example with NTP", "here", now.UTC(), "ca", now.Add(offset).UTC())
}

// retryAfter reads the header, which holds seconds or a date (RFC 9110 §10.2.3).
func retryAfter(h http.Header, now time.Time) time.Time {
	text := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return now.Add(time.Duration(seconds) * time.Second)
	}
	until, _ := http.ParseTime(text)
	return until
}

// noteIssuers keeps the issuers that an authorization allows in a record.
func (tr *transport) noteIssuers(body []byte) {
	var a struct {
		Identifier struct {
			Value string `json:"value"`
		} `json:"identifier"`
		Challenges []struct {
			Type    string   `json:"type"`
			Issuers []string `json:"issuer-domain-names"`
		} `json:"challenges"`
	}
	if json.Unmarshal(body, &a) != nil {
		return
	}
	for _, c := range a.Challenges {
		if c.Type != dnsPersist01 || len(c.Issuers) == 0 {
			continue
		}
		if tr.issuers == nil || len(tr.issuers) >= maxIssuers {
			tr.issuers = map[string][]string{}
		}
		tr.issuers[a.Identifier.Value] = c.Issuers
	}
}

// issuersOf returns the issuers that a record for a name may name.
func (tr *transport) issuersOf(name string) []string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.issuers[name]
}

// askedPause returns how long the CA has asked to wait; at most zero if it has not.
func (tr *transport) askedPause(now time.Time) time.Duration {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.until.Sub(now)
}

// wrongClock returns how far the clock of the CA is ahead if it differs so much from this
// machine's that one of them is wrong; else zero.
func (tr *transport) wrongClock() time.Duration {
	if offset := tr.clockOffset(); offset.Abs() >= maxOffset {
		return offset
	}
	return 0
}

func (tr *transport) clockOffset() time.Duration {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.offset
}
