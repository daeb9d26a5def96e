package lookup

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/textproto"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Options say how the server is asked.
type Options struct {
	Name    string // in log and metrics
	URL     string // http://, https:// or unix:PATH:URI
	Timeout time.Duration
	TLS     func() *tls.Config // for each connection of https; nil: the default
	Headers func() http.Header // added to each request; may be nil

	SendPassword    bool
	SendCertificate bool // the client's certificate itself

	// Control checks the address of a connection without TLS; see net.Dialer. May be
	// nil.
	Control func(network, address string, c syscall.RawConn) error

	// Networks are the networks that an address in a reply must be in.
	Networks []netip.Prefix

	// IsBackend reports whether a name in a reply is that of a configured backend.
	IsBackend func(name string) bool

	// Answers with a backend are kept for Keep, refusals for KeepRefusals; zero: they
	// are not kept. Entries bounds each of the two.
	Keep, KeepRefusals time.Duration
	Entries            int

	Log *slog.Logger
}

// The bounds of an exchange with the server.
const (
	maxHeader      = 16 << 10               // bytes of the header of a reply
	maxBody        = 4 << 10                // bytes of a body that is read so that the connection can be used again
	maxConnections = 64                     // at the same time
	bodyTime       = 100 * time.Millisecond // for that body
	maxIdle        = 16
	idleTime       = 30 * time.Second
)

// Client asks one server. It is safe for concurrent use.
type Client struct {
	options Options
	url     string
	http    http.Client
	counts  *Counts

	secret         []byte // of the keys of the caches
	found, refused *cache
	failing        atomic.Bool
}

// New returns a Client that counts its results in counts. It opens no connection.
func New(o Options, counts *Counts) (*Client, error) {
	target, socket, err := ParseURL(o.URL)
	if err != nil {
		return nil, err
	}
	dialer, plaintext := net.Dialer{Timeout: o.Timeout}, net.Dialer{Timeout: o.Timeout, Control: o.Control}
	transport := &http.Transport{
		DialContext: plaintext.DialContext, TLSHandshakeTimeout: o.Timeout, DisableCompression: true,
		MaxResponseHeaderBytes: maxHeader, MaxConnsPerHost: maxConnections, MaxIdleConnsPerHost: maxIdle, IdleConnTimeout: idleTime,
	}
	if socket != "" {
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", socket)
		}
	}
	if o.TLS != nil {
		transport.DialTLSContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			host, _, _ := net.SplitHostPort(address)
			config := o.TLS().Clone()
			config.ServerName = host
			return (&tls.Dialer{NetDialer: &dialer, Config: config}).DialContext(ctx, network, address)
		}
	}
	return &Client{
		options: o, url: target, counts: counts,
		secret: newSecret(), found: newCache(o.Keep, o.Entries), refused: newCache(o.KeepRefusals, o.Entries),
		http: http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // the request holds secrets
		},
	}, nil
}

var errURL = errors.New("is not a URL that begins with http:// or https://, and not unix:PATH:URI")

// ParseURL returns the URL of the requests, and the path of the Unix socket that they
// go to; empty: they go to the URL's host.
func ParseURL(text string) (target, socket string, err error) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		path, uri, _ := strings.Cut(path, ":")
		if !strings.HasPrefix(path, "/") || uri != "" && !strings.HasPrefix(uri, "/") {
			return "", "", errURL
		}
		text, socket = "http://localhost"+uri, path
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return "", "", errURL
	}
	return u.String(), socket, nil
}

// Name returns the name of the lookup.
func (c *Client) Name() string { return c.options.Name }

// Close closes the connections that no request uses.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Ask asks for the backend of a user. An error means that the server
// has given no usable answer.
func (c *Client) Ask(ctx context.Context, q Query) (Answer, error) {
	fields := q.fields(c.options.SendPassword, c.options.SendCertificate)
	now, k := time.Now(), keyOf(fields, c.secret)
	for _, kept := range []*cache{c.found, c.refused} {
		if a, ok := kept.get(k, now); ok {
			c.counts.cached.Add(1)
			return a, nil
		}
	}
	a, err := c.ask(ctx, fields, q.Attempt)
	switch {
	case err != nil:
		c.Unusable(ctx, err)
		return Answer{}, err
	case a.Refused():
		c.counts.refused.Add(1)
		if !a.Temporary() {
			c.refused.put(k, a, now)
		}
	default:
		c.counts.found.Add(1)
		c.found.put(k, a, now)
	}
	if c.failing.Swap(false) {
		c.options.Log.Info("the lookup of backends answers again", "lookup", c.options.Name)
	}
	return a, nil
}

// ask sends a request and reads the header of the reply.
func (c *Client) ask(ctx context.Context, fields []field, attempt int) (Answer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.options.Timeout, fmt.Errorf("no answer within %s", c.options.Timeout))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url, nil)
	if err != nil {
		return Answer{}, err
	}
	var configured http.Header
	if c.options.Headers != nil {
		configured = c.options.Headers()
	}
	request.Header = headerOf(fields, attempt, configured)
	response, err := c.http.Do(request)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return Answer{}, withoutSecrets(err)
	}
	defer closeBody(response, cancel)
	if response.StatusCode/100 != 2 {
		return Answer{}, fmt.Errorf("the server replies with status %d", response.StatusCode)
	}
	return c.options.parse(response.Header)
}

// Unusable counts and logs the lack of a usable answer, unless the session has ended.
// The first of several failures is logged; each login that fails because of it has a line
// of its own.
func (c *Client) Unusable(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	c.counts.failed.Add(1)
	if !c.failing.Swap(true) {
		c.options.Log.Error("the lookup of backends fails: its users cannot log in", "lookup", c.options.Name, "error", err, "remedy", remedy)
	}
}

const remedy = "see that the server at the url of lookups runs and answers within the timeout, with Auth-Status, Auth-Server and Auth-Port, and that networks has the servers that it names"

var errHeader = errors.New("the reply has a malformed header")

// withoutSecrets removes what may hold a secret from an error of net/http: the URL, and a
// header of the reply.
func withoutSecrets(err error) error {
	if _, ok := errors.AsType[textproto.ProtocolError](err); ok {
		return errHeader
	}
	if at, ok := errors.AsType[*url.Error](err); ok {
		return at.Err
	}
	return err
}
