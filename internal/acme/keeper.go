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

// Options configure a Keeper.
type Options struct {
	Hosts     []string // names to get certificates for, in lower case
	Email     string   // address for mail from the CA; may be empty
	Directory string   // URL of the CA
	Binding   *Binding // nil: the CA requires none
	Roots     *x509.CertPool
	Dir       string // the folder for keys and certificates; created if necessary

	// HTTP and TLSALPN are the addresses on which challenges are answered. An empty one
	// is not opened. At least one of them, or DNS, must be set.
	HTTP, TLSALPN string
	Limits        web.Limits // limits of the connections on each address

	// Listen opens the socket of an address; nil: net.Listen.
	Listen func(address string) (net.Listener, error)

	// Site is served over HTTPS on TLSALPN to clients that request one of
	// SiteHosts, which must be among Hosts. Nil: only the CA is served there.
	Site      http.Handler
	SiteHosts []string

	// Changed is called after the certificates have changed, from any
	// goroutine.
	Changed func()
	Log     *slog.Logger

	// Retry holds the pause after the first failure, which is doubled with each
	// further one, and the longest pause. Zero: a minute and an hour.
	Retry, LongestRetry time.Duration
}

// Binding binds the account to one that exists at the CA (RFC 8555 §7.3.4).
type Binding struct {
	KeyID string
	Key   []byte
}

const (
	retry        = time.Minute
	longestRetry = time.Hour
	watchEvery   = time.Hour

	// autocert does not try again within a minute of a failed order, but fails
	// without a reason.
	autocertForgets = time.Minute + 5*time.Second
)

// Keeper orders and renews certificates. The order of calls is New, Listen,
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
	writing sync.Mutex // held while a file is written, and from the end of life on
}

var errNoChallenge = errors.New("no challenge can be answered without an address to listen on or access to DNS")

// New reads the certificates that earlier runs have left in the store; see
// Certificates.
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

// answers lists the types of challenges that can be answered.
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

// transport returns the transport to the CA, whose own certificate may be from
// a private root.
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

// patience returns how long to wait before a request is repeated that the CA
// could not process. After a longer time the whole order is tried again.
func patience(n int, _ *http.Request, _ *http.Response) time.Duration {
	const tries = 4
	if n > tries {
		return 0
	}
	return time.Duration(n) * time.Second
}

// acceptTerms logs which terms were accepted, because the administrator must be
// able to know.
func (k *Keeper) acceptTerms(terms string) bool {
	k.o.Log.Info("the CA's terms of service are accepted", "directory", k.o.Directory, "terms", terms)
	return true
}

var errForeign = errors.New("not a name of this server")

// permit restricts autocert to the names of the configuration. A request for a
// challenge on another port than 80 includes the port.
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

// Certificates lists the certificates for hosts, in their order, ECDSA before
// RSA: new ones from the CA or, perhaps expired, from an earlier run.
func (k *Keeper) Certificates(hosts []string) []tls.Certificate { return k.table.list(hosts) }

// Serve starts to answer challenges and to order certificates that are missing
// or due. The sockets must be open, see Listen.
func (k *Keeper) Serve() {
	k.serveChallenges()
	for _, host := range k.o.Hosts {
		k.running.Go(func() { k.obtain(host) })
	}
	k.running.Go(k.watch)
}

// StopAccepting closes the sockets at once, so that another process may open
// them. Open connections continue until Close.
func (k *Keeper) StopAccepting() {
	for _, s := range k.servers {
		s.StopAccepting()
	}
}

// Close ends everything. An order that runs is abandoned.
func (k *Keeper) Close() {
	k.end()
	k.closeChallenges()
	k.running.Wait()
	k.writing.Lock() // waits until a file that is being written is complete
	defer k.writing.Unlock()
}
