package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/mholt/acmez/v3/acme"

	"github.com/letterlock/letterlock/internal/dnsupdate"
	"github.com/letterlock/letterlock/internal/web"
)

// Options configure a Keeper.
type Options struct {
	// Certificates lists the sets of names to get certificates for, in lower case:
	// domains, wildcards, IP addresses. Each set has one certificate for each of Keys.
	Certificates [][]string
	Keys         []KeyType // nil: DefaultKeys

	Email     string   // address for mail from the CA; may be empty
	Directory string   // URL of the CA
	Binding   *Binding // nil: the CA requires none
	Roots     *x509.CertPool
	Profile   string // the CA's profile of certificates; empty: its default
	Chain     string // the common name of the preferred root or intermediate; empty: the CA's choice

	// Dir is the folder for the account, keys and certificates; created if necessary.
	// Shared is the state that several instances share; nil: there is one instance.
	Dir    string
	Shared Shared

	// HTTP and TLSALPN are the addresses on which challenges are answered. An empty one
	// is not opened. At least one of them, or DNS, must be set.
	HTTP, TLSALPN string
	Limits        web.Limits // limits of the connections on each address

	// DNS answers DNS-01, or dns-persist-01 if Persist is set.
	DNS     *dnsupdate.Client
	Persist bool

	// Plan plans new keys; nil: a renewal keeps the key.
	Plan KeyPlan

	// Transport sends requests to the CA; nil: by HTTPS. In tests it needs no socket.
	Transport http.RoundTripper

	// Listen opens the socket of an address; nil: net.Listen.
	Listen func(address string) (net.Listener, error)

	// Sites are served over HTTPS on TLSALPN, each under its name, which must be among
	// those of the certificates. Empty: only the CA is served there.
	Sites map[string]http.Handler

	// Changed is called after the certificates have changed, from any
	// goroutine.
	Changed func()
	Log     *slog.Logger

	// Retry holds the pause after the first failure, which is doubled with each
	// further one, and the longest pause. Zero: a minute and an hour.
	Retry, LongestRetry time.Duration

	// Reorder is the pause after a certificate that clients refuse; zero: a day.
	Reorder time.Duration

	// Follow is the time between two looks at the shared state; zero: 3 seconds, or
	// longer if there are many certificates.
	Follow time.Duration
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
)

// Keeper orders and renews certificates. The order of calls is New, Listen,
// Serve, Close.
type Keeper struct {
	o         Options
	store     store
	table     *table
	transport *transport
	answers   *answers
	client    *acme.Client
	account   account
	begun     time.Time

	installing sync.Mutex // held while a certificate gets into the table and the folder

	servers []server
	life    context.Context
	end     context.CancelFunc
	running sync.WaitGroup
}

var errNoChallenge = errors.New("no challenge can be answered without an address to listen on or access to DNS")

// New reads the certificates that earlier runs have left in the store; see
// Certificates.
func New(o Options) (*Keeper, error) {
	if o.HTTP == "" && o.TLSALPN == "" && o.DNS == nil {
		return nil, errNoChallenge
	}
	if o.Retry == 0 {
		o.Retry, o.LongestRetry = retry, longestRetry
	}
	if o.Reorder == 0 {
		o.Reorder = reorder
	}
	if o.Keys == nil {
		o.Keys = DefaultKeys()
	}
	k := &Keeper{o: o, store: newStore(o), begun: time.Now()}
	k.life, k.end = context.WithCancel(context.Background())
	k.table = newTable(o.Certificates, o.Keys)
	err := k.table.read(k.life, k.store)
	if err == nil {
		err = k.table.readTrials(k.life, k.store)
	}
	if err != nil {
		k.end()
		return nil, err
	}
	k.answers = newAnswers(k.store, k.account.authorize)
	k.transport = &transport{life: k.life, log: o.Log, base: o.transport()}
	k.client = &acme.Client{
		Directory:  o.Directory,
		HTTPClient: &http.Client{Transport: k.transport, Timeout: 2 * requestTimeout},
		UserAgent:  "letterlock",
	}
	return k, nil
}

const requestTimeout = 30 * time.Second

// transport returns the transport to the CA, whose own certificate may be from
// a private root.
func (o Options) transport() http.RoundTripper {
	if o.Transport != nil {
		return o.Transport
	}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		TLSClientConfig:       &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   requestTimeout,
		ResponseHeaderTimeout: requestTimeout,
		IdleConnTimeout:       requestTimeout,
		ForceAttemptHTTP2:     true,
	}
}

// Certificates lists the certificates for hosts, in their order and that of the keys:
// new ones from the CA or, perhaps expired, from an earlier run.
func (k *Keeper) Certificates(hosts []string) []tls.Certificate { return k.table.list(hosts) }

// Serve starts to answer challenges and to order certificates that are missing
// or due. The sockets must be open, see Listen.
func (k *Keeper) Serve() {
	k.serveChallenges()
	for _, set := range k.table.sets {
		k.running.Go(func() { k.maintain(set) })
	}
	k.running.Go(k.watch)
	if k.o.Shared != nil {
		k.running.Go(k.follow)
	}
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
}

func (k *Keeper) changed() {
	if k.o.Changed != nil {
		k.o.Changed()
	}
}
