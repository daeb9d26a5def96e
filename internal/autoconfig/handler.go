package autoconfig

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/letterlock/letterlock/internal/idn"
	"github.com/letterlock/letterlock/internal/limit"
)

// Options configure a handler.
type Options struct {
	Settings Settings

	// Certificates returns the certificates of a name of the web server, which sign
	// the profiles.
	Certificates func(host string) []tls.Certificate

	Log *slog.Logger
}

// The paths of the answers. Those of Thunderbird's format are the present one, its
// successor (draft-ietf-mailmaint-autoconfig §4.1), and the one at the domain itself.
// Programs differ in the case of Autodiscover's.
const (
	ThunderbirdPath  = "/mail/config-v1.1.xml"
	successorPath    = "/.well-known/mail-v1.xml"
	wellKnownPath    = "/.well-known/autoconfig/mail/config-v1.1.xml"
	AutodiscoverPath = "/autodiscover/autodiscover.xml"
	JSONPath         = "/autodiscover/autodiscover.json"
	ProfilePath      = "/mail/apple.mobileconfig"
)

// A client may send perMinute requests at once and a minute. A program sends less than
// ten to set itself up.
const perMinute = 60

type handler struct {
	Options
	rate *limit.Rate
}

// Handler serves the settings under each name of the web server.
func Handler(o Options) http.Handler { return &handler{o, limit.NewRate(perMinute, time.Minute)} }

// answer is a response with status 200.
type answer struct {
	kind string // Content-Type
	text []byte
}

// The errors of requests. Their texts are the bodies of the responses, which quote
// nothing of the request.
var (
	errRequest  = errors.New("the request is not understood")
	errProtocol = errors.New("the protocol is not served")
	errUnknown  = errors.New("not found")
	errMethod   = errors.New("the method is not allowed")
)

var statuses = map[error]int{
	errRequest: http.StatusBadRequest, errProtocol: http.StatusBadRequest, errUnknown: http.StatusNotFound, errMethod: http.StatusMethodNotAllowed,
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if !h.rate.Allow(clientOf(r), time.Now()) {
		w.Header().Set("Retry-After", "60")
		http.Error(w, "too many requests", http.StatusTooManyRequests)
		return
	}
	a, err := h.answer(w, r)
	switch status := statuses[err]; {
	case err == nil:
		w.Header().Set("Content-Type", a.kind)
		_, _ = w.Write(a.text)
	case status != 0:
		http.Error(w, err.Error(), status)
	default:
		h.Log.Error("autoconfig: no answer", "error", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
	}
}

func clientOf(r *http.Request) netip.Addr {
	address, _ := netip.ParseAddrPort(r.RemoteAddr)
	return address.Addr()
}

func (h *handler) answer(w http.ResponseWriter, r *http.Request) (answer, error) {
	path := strings.ToLower(r.URL.Path)
	if r.Method != http.MethodGet && r.Method != http.MethodHead && (r.Method != http.MethodPost || path != AutodiscoverPath) {
		return answer{}, errMethod
	}
	switch {
	case path == ThunderbirdPath, path == successorPath, path == wellKnownPath:
		return h.with(r, r.URL.Query().Get("emailaddress"), h.thunderbird)
	case path == ProfilePath:
		return h.with(r, r.URL.Query().Get("emailaddress"), h.profile)
	case path == AutodiscoverPath && r.Method == http.MethodPost:
		address, err := parseRequest(http.MaxBytesReader(w, r.Body, maxRequest))
		if err != nil {
			return answer{}, err
		}
		return h.with(r, address, h.autodiscover)
	case path == AutodiscoverPath:
		return h.with(r, r.URL.Query().Get("emailaddress"), h.autodiscover)
	case path == JSONPath:
		return h.with(r, firstOf(r, "Email", "email"), h.autodiscoverJSON)
	case strings.HasPrefix(path, jsonVersion):
		return h.with(r, strings.TrimPrefix(path, jsonVersion), h.autodiscoverJSON)
	}
	return answer{}, errUnknown
}

// with calls to for the account of a request: an address, or without one the domain of
// the web server's name.
func (h *handler) with(r *http.Request, address string, to func(*http.Request, account) (answer, error)) (answer, error) {
	a, ok := account{domain: domainOf(r)}, true
	if address != "" {
		a, ok = parseAccount(address)
	}
	switch {
	case !ok:
		return answer{}, errRequest
	case !h.Settings.serves(a.domain):
		return answer{}, errUnknown
	}
	return to(r, a)
}

// hostOf returns the name of the web server that a request is for.
func hostOf(r *http.Request) string {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	folded, _ := idn.Exact(host)
	return folded
}

// domainOf returns the domain that the web server's name belongs to.
func domainOf(r *http.Request) string {
	host := hostOf(r)
	for _, prefix := range []string{"autoconfig.", "autodiscover."} {
		if domain, ok := strings.CutPrefix(host, prefix); ok {
			return domain
		}
	}
	return host
}
