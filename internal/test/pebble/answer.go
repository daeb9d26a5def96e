package pebble

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"

	"github.com/letsencrypt/pebble/v2/acme"
	"github.com/letsencrypt/pebble/v2/core"
)

var errDown = errors.New("the CA is down")

// RoundTrip answers a request without a socket, for tests with their own clock
// (testing/synctest). The CA must be Trusting, and must have been started
// outside of the bubble.
func (c *CA) RoundTrip(r *http.Request) (*http.Response, error) {
	if c.down.Load() {
		return nil, errDown
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Host, r.RequestURI, r.TLS = r.URL.Host, r.URL.RequestURI(), &tls.ConnectionState{}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	if c.refused(w, r) {
		return w.Result(), nil
	}
	c.answer(w, r)
	if id, ok := strings.CutPrefix(r.URL.Path, "/chalZ/"); ok {
		c.settle(id)
	}
	c.complete(r)
	if err := r.Context().Err(); err != nil {
		return nil, err // the client has gone away
	}
	return w.Result(), nil
}

// complete waits until the order that a request finalizes is complete. Pebble
// locks an order for reading twice when a client requests it, and deadlocks if
// it stores the certificate between the two. Like settle it polls without
// blocking.
func (c *CA) complete(r *http.Request) {
	id, ok := strings.CutPrefix(r.URL.Path, "/finalize-order/")
	if !ok {
		return
	}
	order := c.store.GetOrderByID(id)
	for tries := 0; order != nil && tries < 10_000_000; tries++ {
		order.RLock()
		done := !order.BeganProcessing || order.CertificateObject != nil
		order.RUnlock()
		if done {
			c.index(order)
			return
		}
		runtime.Gosched()
	}
}

// index makes a complete order known by the serial number with which a client names
// its certificate (RFC 9773 §4.1), which is in DER. Pebble knows it without the zero byte
// before a first byte of 0x80 or more, and would refuse to replace such a certificate.
func (c *CA) index(order *core.Order) {
	order.RLock()
	defer order.RUnlock()
	if order.CertificateObject == nil {
		return
	}
	if id := serial(order.CertificateObject.Cert); id[0] == 0 {
		named := &core.Order{
			Order: order.Order, ID: order.ID, AccountID: order.AccountID,
			CertificateObject: &core.Certificate{ID: hex.EncodeToString(id)},
		}
		_ = c.store.AddOrderByIssuedSerial(named) // fails only without a certificate
	}
}

// serial returns the serial number of a certificate in DER, without its type and length.
func serial(leaf *x509.Certificate) []byte {
	number := leaf.SerialNumber.Bytes()
	if number[0] >= 0x80 {
		return append([]byte{0}, number...)
	}
	return number
}

// settle waits until a challenge has been validated, which takes real time. It
// does not block, because otherwise the clock of the bubble would advance.
func (c *CA) settle(id string) {
	challenge := c.store.GetChallengeByID(id)
	for done := challenge == nil; !done; runtime.Gosched() {
		challenge.RLock()
		done = challenge.Status != acme.StatusPending && challenge.Status != acme.StatusProcessing
		challenge.RUnlock()
	}
}

func (c *CA) serve(w http.ResponseWriter, r *http.Request) {
	if c.down.Load() {
		panic(http.ErrAbortHandler)
	}
	if c.refused(w, r) {
		return
	}
	c.answer(w, r)
	c.complete(r)
}

// LeaveOutIntermediates makes the CA send certificates alone, without those that lead to
// its root, or with them again.
func (c *CA) LeaveOutIntermediates(on bool) { c.bare.Store(on) }

func (c *CA) answer(w http.ResponseWriter, r *http.Request) {
	handler := c.handler.Load().(http.Handler)
	if !c.bare.Load() || !strings.HasPrefix(r.URL.Path, "/certZ/") {
		handler.ServeHTTP(w, r)
		return
	}
	whole := httptest.NewRecorder()
	handler.ServeHTTP(whole, r)
	body := whole.Body.Bytes()
	if leaf, _ := pem.Decode(body); leaf != nil {
		body = pem.EncodeToMemory(leaf)
	}
	maps.Copy(w.Header(), whole.Header())
	w.Header().Del("Content-Length")
	w.WriteHeader(whole.Code)
	_, _ = w.Write(body)
}

func (c *CA) refused(w http.ResponseWriter, r *http.Request) bool {
	answer, ok := c.refuse.Load().(func(http.ResponseWriter, *http.Request) bool)
	return ok && answer(w, r)
}
