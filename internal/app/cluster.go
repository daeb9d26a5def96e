package app

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/cluster"
	"github.com/letterlock/letterlock/internal/observe/page"
	"github.com/letterlock/letterlock/proxy"
)

// sharing is the connection to the store, with the state that the instances share outside
// of sessions. Generations with equal terms have the same one. A nil sharing shares nothing.
type sharing struct {
	store *cluster.Store
	terms clusterTerms
	chain *ticketChain

	copied *inventoryCopy

	served atomic.Pointer[served] // nil until the server runs
}

// served is the server that shares its counts, with the limit of a client's sessions.
type served struct {
	*proxy.Server
	perClient int
}

// clusterTerms are the settings that a connection to the store depends on.
type clusterTerms struct {
	addresses, master  string
	encrypted          bool
	serverName, user   string
	prefix, instance   string
	key, password, cas [sha256.Size]byte // sums of the files' contents
}

// storeWait is how long the start of the program waits for the store. Sessions that begin
// before the store answers get tickets that only this instance can decrypt.
const storeWait = time.Second

// flushTime is the time between two attempts to send counts that could not be sent.
const flushTime = time.Second

// newSharing connects to the store; nil if none is configured. It returns the sharing of
// the previous generation if its terms are equal.
func newSharing(c *configs.Config, before *generation, o Options) (*sharing, error) {
	if c.Cluster == nil {
		return nil, nil
	}
	options, terms, err := clusterOptions(c.Cluster)
	if err != nil {
		return nil, err
	}
	if before != nil && before.sharing != nil && before.sharing.terms == terms {
		return before.sharing, nil
	}
	options.Log, options.Version, options.SessionTime = o.Log, o.Version, o.StoreTime
	store, err := cluster.New(options)
	if err != nil {
		return nil, err
	}
	s := &sharing{store: store, terms: terms, chain: newTicketChain(o.Log), copied: &inventoryCopy{log: o.Log}}
	s.work(c.Cluster.Instance, o.Log)
	store.Start()
	ctx, cancel := context.WithTimeout(context.Background(), storeWait)
	defer cancel()
	store.Wait(ctx)
	return s, nil
}

// work schedules what is exchanged with the store.
func (s *sharing) work(instance string, log *slog.Logger) {
	store := s.store
	store.Every(chainTime, func(ctx context.Context) { s.chain.exchange(ctx, store) })
	store.Every(flushTime, func(context.Context) {
		if now := s.served.Load(); now != nil {
			now.FlushLogins()
		}
	})
	store.Every(connectionsTime, func(ctx context.Context) {
		if now := s.served.Load(); now != nil {
			shareConnections(ctx, store, now.Server, now.perClient, log)
		}
	})
	store.Every(copyTime, func(ctx context.Context) { s.copied.send(ctx, store, instance) })
	store.Every(copyCheckTime, func(ctx context.Context) { s.copied.check(ctx, store, instance) })
}

// clusterOptions reads the files that the configuration names.
func clusterOptions(c *configs.Cluster) (o cluster.Options, terms clusterTerms, err error) {
	o = cluster.Options{
		Addresses: c.Addresses, SentinelMaster: c.SentinelMaster, User: c.User, Prefix: c.Prefix, Instance: c.Instance,
	}
	terms = clusterTerms{
		addresses: quoted(c.Addresses), master: c.SentinelMaster, encrypted: c.Encrypted(), serverName: c.ServerName, user: c.User,
		prefix: c.Prefix, instance: c.Instance,
	}
	text, err := readSecret(c.KeyFile)
	if err == nil {
		o.Key, err = cluster.ParseKey(text)
	}
	if err != nil {
		return o, terms, &certs.Fault{File: c.KeyFile, What: "cluster.key_file", Err: err, Remedy: "make one with: openssl rand -base64 32"}
	}
	if c.PasswordFile != "" {
		if o.Password, err = readPassword(c.PasswordFile); err != nil {
			return o, terms, &certs.Fault{File: c.PasswordFile, What: "cluster.password_file", Err: err, Remedy: "write the password into the file, in one line"}
		}
	}
	terms.key, terms.password = sha256.Sum256(o.Key), sha256.Sum256([]byte(o.Password))
	if !c.Encrypted() {
		return o, terms, nil
	}
	o.TLS = &tls.Config{ServerName: c.ServerName, MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		bundle, err := certs.ReadBundle(c.CA)
		if err != nil {
			return o, terms, err
		}
		o.TLS.RootCAs, terms.cas = bundle.Pool, bundle.Sum
	}
	return o, terms, nil
}

func (s *sharing) close() {
	if s != nil {
		s.store.Close()
	}
}

// retire leaves the name of this instance to another process. The sessions of this one
// share their counts until close.
func (s *sharing) retire() {
	if s != nil {
		s.store.Retire()
	}
}

// shown describes the store for the status page; nil without a store.
func (s *sharing) shown() *page.Cluster {
	if s == nil {
		return nil
	}
	r := s.store.Report()
	return &page.Cluster{
		Instance: r.Instance, Addresses: r.Addresses, Up: r.Up, Since: r.Since.UTC(), Problem: r.Problem,
		Ignored: r.Ignored, OtherVersions: r.Versions, Failures: r.Failures,
	}
}

// share makes the server share its counts through the store of a generation.
func (p *Proxy) share(g, before *generation) {
	if g.sharing != nil {
		g.sharing.copied.use(g.config)
		g.sharing.served.Store(&served{p.server, g.config.Limits.ConnectionsPerClient})
	}
	switch {
	case before != nil && before.sharing == g.sharing:
	case g.sharing == nil:
		p.server.ShareLogins(nil)
	default:
		p.server.ShareLogins(g.sharing.store.Logins())
	}
}
