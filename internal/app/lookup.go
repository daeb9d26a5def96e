package app

import (
	"cmp"
	"crypto/tls"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/lookup"
	"github.com/letterlock/letterlock/internal/observe/page"
	"github.com/letterlock/letterlock/internal/upstream"
)

// lookupSettings are a listener's lookup, and how the servers that it names are reached.
type lookupSettings struct {
	configs.Lookup
	public       bool // plaintext to public addresses is permitted
	isBackend    func(name string) bool
	reachAddress func(address string) configs.Backend // by the rules of the listener's backend
	check        func(netip.AddrPort) error           // of an address
}

// lookupOf returns the lookup of a listener; nil if it has none.
func lookupOf(c *configs.Config, l configs.Listener) *lookupSettings {
	k, ok := c.LookupOf(l)
	if !ok {
		return nil
	}
	return &lookupSettings{
		Lookup: k, public: c.PublicPlaintextBackend, isBackend: c.IsBackend,
		reachAddress: func(address string) configs.Backend { return c.ReachAddress(l, address) },
		check:        func(a netip.AddrPort) error { return c.CheckLookedUp(l, a) },
	}
}

// lookups are the clients of a generation's lookups. Listeners share them. The counts
// outlive a generation.
type lookups struct {
	clients map[string]*lookup.Client
	counts  map[string]*lookup.Counts
}

// follow takes over the counts of the previous generation.
func (l *lookups) follow(before *lookups) { l.counts = before.counts }

// close closes the connections that no request uses.
func (l *lookups) close() {
	for _, client := range l.clients {
		client.Close()
	}
}

// shown lists the counts for the status page.
func (l *lookups) shown() []page.Lookup {
	var all []page.Lookup
	for name := range l.clients {
		t := l.counts[name].Now()
		all = append(all, page.Lookup{Name: name, Found: t.Found, Refused: t.Refused, Failed: t.Failed, Cached: t.Cached})
	}
	slices.SortFunc(all, func(a, b page.Lookup) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// lookupClient returns the client of a lookup. The first call reads its files.
func (m *maintenance) lookupClient(k *lookupSettings) (*lookup.Client, error) {
	all := &m.lookups
	if client := all.clients[k.Name]; client != nil {
		return client, nil
	}
	found, refused := k.KeepTimes()
	o := lookup.Options{
		Name: k.Name, URL: k.URL, Timeout: k.Timeout, SendPassword: k.SendPassword, SendCertificate: k.SendCertificate, Networks: k.Prefixes(), IsBackend: k.isBackend,
		Keep: found, KeepRefusals: refused, Entries: k.CacheEntries, Log: m.log,
	}
	if !k.public {
		o.Control = upstream.PrivateOnly
	}
	var err error
	if o.TLS, err = m.lookupTLS(k.Lookup); err != nil {
		return nil, err
	}
	if o.Headers, err = m.lookupHeaders(k.Headers); err != nil {
		return nil, err
	}
	if all.clients == nil {
		all.clients = map[string]*lookup.Client{}
	}
	if all.counts == nil {
		all.counts = map[string]*lookup.Counts{}
	}
	if all.counts[k.Name] == nil {
		all.counts[k.Name] = &lookup.Counts{}
	}
	client, err := lookup.New(o, all.counts[k.Name])
	if err != nil {
		return nil, err
	}
	all.clients[k.Name] = client
	return client, nil
}

// lookupTLS reads the files for TLS, and reads them again when they change.
func (m *maintenance) lookupTLS(k configs.Lookup) (func() *tls.Config, error) {
	roots, err := m.roots(k.CA)
	if err != nil {
		return nil, err
	}
	own := func() *tls.Certificate { return &tls.Certificate{} } // none
	if k.ClientCertificate != nil {
		if own, err = m.clientCertificate(*k.ClientCertificate); err != nil {
			return nil, err
		}
	}
	return func() *tls.Config {
		config := &tls.Config{
			MinVersion:           tls.VersionTLS12,
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own(), nil },
		}
		if roots != nil {
			config.RootCAs = roots()
		}
		return config
	}, nil
}

var errHeaderValue = errors.New("it must contain one line of printable ASCII")

// lookupHeaders reads the values in files, and reads them again when they change.
func (m *maintenance) lookupHeaders(configured []configs.LookupHeader) (func() http.Header, error) {
	values := make([]atomic.Pointer[string], len(configured))
	for i, h := range configured {
		if h.ValueFile == "" {
			values[i].Store(&h.Value)
			continue
		}
		if err := m.files.Add(func() error { return readHeaderValue(&values[i], h.ValueFile) }, h.ValueFile); err != nil {
			return nil, err
		}
	}
	return func() http.Header {
		header := make(http.Header, len(configured))
		for i, h := range configured {
			header.Add(h.Name, *values[i].Load())
		}
		return header
	}, nil
}

func readHeaderValue(into *atomic.Pointer[string], file string) error {
	text, err := readSecret(file)
	value := strings.TrimSpace(string(text))
	if err == nil && (value == "" || strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c > '~' })) {
		err = errHeaderValue
	}
	if err != nil {
		return &certs.Fault{File: file, What: "lookups.headers.value_file", Err: err, Remedy: "write the value into the file, in one line"}
	}
	into.Store(&value)
	return nil
}
