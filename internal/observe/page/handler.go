package page

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Handler serves / (the page), /events (its changes), /whatif, /status.json, /metrics,
// /healthz and /readyz, and the actions of the page.
func (s *Status) Handler() http.Handler {
	page := thePage()
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(newGatherer(s), promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		var b bytes.Buffer
		v, err := s.viewFor(r)
		if err == nil {
			err = page.template.Execute(&b, v)
		}
		answer(w, "text/html; charset=utf-8", &b, err)
	})
	mux.HandleFunc("GET /page.js", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, "text/javascript; charset=utf-8", bytes.NewBufferString(pageJS), nil)
	})
	mux.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) { s.events(page, w, r) })
	if s.options.WhatIf != nil {
		mux.HandleFunc("GET /whatif", func(w http.ResponseWriter, r *http.Request) { s.whatIf(page, w, r) })
	}
	mux.HandleFunc("GET /status.json", s.ServeJSON)
	s.options.Health.Register(mux)
	var all http.Handler = mux
	if g := s.options.Guard; g != nil {
		if s.options.Actions != nil {
			mux.Handle("POST /v1/", g.Actions(s.options.Actions))
		}
		all = g.Handler(mux)
	}
	return guard(all, page.policy)
}

// ServeJSON serves the content of the page as JSON.
func (s *Status) ServeJSON(w http.ResponseWriter, _ *http.Request) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetIndent("", "  ")
	r, err := s.report()
	if err == nil {
		err = encoder.Encode(r)
	}
	answer(w, "application/json", &b, err)
}

// answer sends a complete response, or else an error.
func answer(w http.ResponseWriter, kind string, b *bytes.Buffer, err error) {
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(b.Bytes())
}

// guard sets the headers that restrict what browsers do with a page, and
// refuses requests that another site made a browser send.
func guard(next http.Handler, policy string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if isRebound(r) {
			http.Error(w, "ask for the status page by localhost or by its address", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isRebound reports whether a request arrived over loopback with a name that is
// not loopback's: then another site may have made its own name resolve to this
// address to read the page (DNS rebinding).
func isRebound(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok || !local.IP.IsLoopback() {
		return false
	}
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = strings.Trim(r.Host, "[]")
	}
	_, err = netip.ParseAddr(host)
	return err != nil && host != "localhost" && host != ""
}
