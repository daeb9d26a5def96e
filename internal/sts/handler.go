package sts

import (
	"net/http"

	"github.com/letterlock/letterlock/tlspolicy/mtasts"
)

// Handler serves our own policy at mtasts.Path for every host name, and nothing else.
func Handler(p mtasts.Policy) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+mtasts.Path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte(p.Text()))
	})
	return mux
}
