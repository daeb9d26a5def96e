package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"github.com/letterlock/letterlock/internal/web"
)

// Options say what a Keeper is to keep, and how.
type Options struct {
	Hosts     []string // names to get certificates for, in lower case
	Email     string   // where the CA may write to; may be empty
	Directory string   // URL of the CA
	Binding   *Binding // nil: the CA takes anybody
	Roots     *x509.CertPool
	Dir       string // where keys and certificates are kept; made if need be

	// HTTP and TLSALPN are the addresses that challenges are answered on. An
	// empty one is not opened; one must be.
	HTTP, TLSALPN string
	Limits        web.Limits // of the connections on each

	// Listen opens the socket of an address; nil: net.Listen.
	Listen func(address string) (net.Listener, error)

	// Site is served over HTTPS on TLSALPN to clients that ask for one of
	// SiteHosts, which must be among Hosts. Nil: nobody is served there but
	// the CA.
	Site      http.Handler
	SiteHosts []string

	// Changed is called after the certificates have, from any goroutine.
	Changed func()
	Log     *slog.Logger

	// Retry is the pause after a failure: the first, which is doubled with
	// each, and the longest. Zero: a minute and an hour.
	Retry, LongestRetry time.Duration
}

// Binding ties the account to one that exists at the CA (RFC 8555 §7.3.4).
type Binding struct {
	KeyID string
	Key   []byte
}

const (
	retry        = time.Minute
	longestRetry = time.Hour
	watchEvery   = time.Hour

	// autocert does not try again within a minute of a failed order, but
	// fails without a reason.
	autocertForgets = time.Minute + 5*time.Second
)

// Keeper gets and renews certificates. The order of calls is New, Listen,
// Serve, Close.
type Keeper struct {
	o         Options
	table     *table
	transport *transport
	auto      *autocert.Manager

	servers []server
	life    context.Context
	end     context.CancelFunc
	running sync.WaitGroup
	writing sync.Mutex // one file at a time, and none once life has ended
}

var errNoChallenge = errors.New("no challenge can be answered without an address to listen on")

// New reads what earlier runs have left in the folder; see Certificates.
func New(o Options) (*Keeper, error) {
	if o.HTTP == "" && o.TLSALPN == "" {
		return nil, errNoChallenge
	}
	if o.Retry == 0 {
		o.Retry, o.LongestRetry = retry, longestRetry
	}
	k := &Keeper{o: o, table: &table{hosts: o.Hosts}}
	if err := k.table.read(o.Dir); err != nil {
		return nil, fmt.Errorf("ACME state: %w", err)
	}
	k.life, k.end = context.WithCancel(context.Background())
	k.transport = &transport{life: k.life, log: o.Log, answers: o.answers(), base: o.transport()}
	k.auto = &autocert.Manager{
		Prompt:     k.acceptTerms,
		Cache:      cache{autocert.DirCache(o.Dir), k},
		HostPolicy: k.permit,
		Email:      o.Email,
		Client:     k.client(),
	}
	if o.Binding != nil {
		k.auto.ExternalAccountBinding = &acme.ExternalAccountBinding{KID: o.Binding.KeyID, Key: o.Binding.Key}
	}
	return k, nil
}

// answers are the challenges that can be.
func (o Options) answers() []string {
	var types []string
	if o.TLSALPN != "" {
		types = append(types, "tls-alpn-01")
	}
	if o.HTTP != "" {
		types = append(types, "http-01")
	}
	return types
}

const requestTimeout = 30 * time.Second

// transport reaches the CA, whose own certificate may be of a private root.
func (o Options) transport() http.RoundTripper {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		TLSClientConfig:       &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   requestTimeout,
		ResponseHeaderTimeout: requestTimeout,
		IdleConnTimeout:       requestTimeout,
		ForceAttemptHTTP2:     true,
	}
}

func (k *Keeper) client() *acme.Client {
	return &acme.Client{
		DirectoryURL: k.o.Directory,
		HTTPClient:   &http.Client{Transport: k.transport, Timeout: 2 * requestTimeout},
		RetryBackoff: patience,
		UserAgent:    "letterlock",
	}
}

// patience is how long to wait with a request that the CA could not take just
// now. What takes longer is left to the next try of the whole order.
func patience(n int, _ *http.Request, _ *http.Response) time.Duration {
	const tries = 4
	if n > tries {
		return 0
	}
	return time.Duration(n) * time.Second
}

// acceptTerms says which terms were accepted, as somebody has to know.
func (k *Keeper) acceptTerms(terms string) bool {
	k.o.Log.Info("the CA's terms of service are accepted", "directory", k.o.Directory, "terms", terms)
	return true
}

var errForeign = errors.New("not a name of this server")

// permit holds autocert to the names of the configuration. A request for a
// challenge on another port than 80 names the port too.
func (k *Keeper) permit(_ context.Context, host string) error {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	for _, h := range k.o.Hosts {
		if strings.EqualFold(h, host) {
			return nil
		}
	}
	return errForeign
}

// Certificates lists what there is for hosts, in their order, ECDSA before
// RSA: from the CA just now or, expired perhaps, from an earlier run.
func (k *Keeper) Certificates(hosts []string) []tls.Certificate { return k.table.list(hosts) }

// Serve starts to answer challenges and to order what is missing or due. The
// sockets must be open, see Listen.
func (k *Keeper) Serve() {
	k.serveChallenges()
	for _, host := range k.o.Hosts {
		k.running.Go(func() { k.obtain(host) })
	}
	k.running.Go(k.watch)
}

// StopAccepting closes the sockets at once, so that another process may have
// them. What was begun goes on until Close.
func (k *Keeper) StopAccepting() {
	for _, s := range k.servers {
		s.StopAccepting()
	}
}

// Close ends everything but the timers of autocert, which find no CA any more.
func (k *Keeper) Close() {
	k.end()
	k.closeChallenges()
	k.running.Wait()
	k.writing.Lock() // what is being written is whole then
	defer k.writing.Unlock()
}
