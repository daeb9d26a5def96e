package cluster

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"
)

// dialer connects to the server of the store that accepts writes.
type dialer struct {
	o Options

	mu    sync.Mutex
	known string // the master, or the node of a Cluster that has the values; empty: not known
}

// dial connects to the master that the Sentinels name, or follows the last redirection of
// a Cluster, or else takes the first address that answers.
func (d *dialer) dial(ctx context.Context) (redis.Conn, error) {
	addresses := d.o.Addresses
	if d.o.SentinelMaster != "" {
		master, err := d.master(ctx)
		if err != nil {
			return nil, err
		}
		addresses = []string{master}
	} else if node := d.server(); node != "" {
		addresses = append([]string{node}, addresses...)
	}
	var failed error
	for _, address := range addresses {
		conn, err := d.connect(ctx, address, d.o.User, d.o.Password)
		if err == nil {
			return conn, nil
		}
		failed = errors.Join(failed, fmt.Errorf("%s: %w", address, err))
	}
	d.forget()
	return nil, failed
}

// master returns the master that the Sentinels name
// (https://redis.io/docs/latest/develop/reference/sentinel-clients/). It remembers the
// answer until a check of the store has failed.
func (d *dialer) master(ctx context.Context) (address string, err error) {
	if known := d.server(); known != "" {
		return known, nil
	}
	address, err = d.elect(ctx)
	if err == nil {
		d.remember(address)
	}
	return address, err
}

// answer is the answer of a Sentinel.
type answer struct {
	from    int // the number of the Sentinel
	address string
	err     error
}

// elect asks all Sentinels at the same time, and returns the master that most of them
// name. A Sentinel that was restarted, or cut off, may name a former master, which accepts
// writes until it learns that it has become a replica, and loses them then.
func (d *dialer) elect(ctx context.Context) (address string, err error) {
	var asking sync.WaitGroup
	defer asking.Wait()
	ctx, cancel := context.WithTimeout(ctx, sentinelTime)
	defer cancel()
	answers := make(chan answer, len(d.o.Addresses))
	for i, sentinel := range d.o.Addresses {
		asking.Go(func() {
			address, err := d.ask(ctx, sentinel)
			answers <- answer{i, address, err}
		})
	}
	all := make([]answer, len(d.o.Addresses))
	for range all {
		a := <-answers
		all[a.from] = a
		if address, votes := mostNamed(all); votes > len(all)/2 {
			return address, nil
		}
	}
	if address, votes := mostNamed(all); votes > 0 {
		return address, nil
	}
	var failed error
	for i, a := range all {
		failed = errors.Join(failed, fmt.Errorf("the Sentinel %s: %w", d.o.Addresses[i], a.err))
	}
	return "", failed
}

// mostNamed returns the address that most Sentinels name. Of several it is the one that comes
// first.
func mostNamed(all []answer) (address string, votes int) {
	count := map[string]int{}
	for _, a := range all {
		if a.address != "" {
			count[a.address]++
		}
	}
	for _, a := range all {
		if count[a.address] > votes {
			address, votes = a.address, count[a.address]
		}
	}
	return address, votes
}

var errNoMaster = errors.New("it knows no master of that name (cluster.sentinel_master)")

// ask asks a Sentinel. One that requires a login gets the name and password of the store.
func (d *dialer) ask(ctx context.Context, sentinel string) (address string, err error) {
	address, err = d.askAs(ctx, sentinel, "", "")
	if refusal, ok := errors.AsType[redis.Error](err); ok && strings.HasPrefix(string(refusal), "NOAUTH") && d.o.Password != "" {
		return d.askAs(ctx, sentinel, d.o.User, d.o.Password)
	}
	return address, err
}

func (d *dialer) askAs(ctx context.Context, sentinel, user, password string) (address string, err error) {
	conn, err := d.connect(ctx, sentinel, user, password)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	pair, err := redis.Strings(redis.DoContext(conn, ctx, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", d.o.SentinelMaster))
	if errors.Is(err, redis.ErrNil) || err == nil && len(pair) != 2 {
		return "", errNoMaster
	}
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(pair[0], pair[1]), nil
}

// connect connects to one server and authenticates.
func (d *dialer) connect(ctx context.Context, address, user, password string) (conn redis.Conn, err error) {
	var tcp net.Dialer
	raw, err := tcp.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = raw.Close()
		}
	}()
	if d.o.TLS != nil {
		config := d.o.TLS.Clone()
		if config.ServerName == "" {
			config.ServerName, _, _ = net.SplitHostPort(address)
		}
		secure := tls.Client(raw, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, fmt.Errorf("TLS: %w", err)
		}
		raw = secure
	}
	conn = redis.NewConn(&guard{Conn: raw}, commandTime, writeTime)
	if password == "" {
		return conn, nil
	}
	arguments := []any{password}
	if user != "" {
		arguments = []any{user, password}
	}
	if _, err := redis.DoContext(conn, ctx, "AUTH", arguments...); err != nil {
		return nil, fmt.Errorf("authentication: %w", err)
	}
	return conn, nil
}

const (
	sentinelTime = time.Second
	writeTime    = 2 * time.Second
)

func (d *dialer) server() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.known
}

func (d *dialer) remember(server string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.known = server
}

// follow remembers the node that a Cluster redirects to, and reports whether the error
// is a redirection (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/).
func (d *dialer) follow(err error) bool {
	words := strings.Fields(err.Error())
	if d.o.SentinelMaster != "" || len(words) != 3 || words[0] != "MOVED" {
		return false
	}
	d.remember(words[2])
	return true
}

// forget forgets the server, so that the Sentinels are asked, or the configured addresses
// are tried first.
func (d *dialer) forget() { d.remember("") }
