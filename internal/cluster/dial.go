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
	moved string // the node of a Cluster that has the values; empty: not known
}

// dial asks the Sentinels for the server, or follows the last redirection of a Cluster,
// or else takes the first address that answers.
func (d *dialer) dial(ctx context.Context) (redis.Conn, error) {
	addresses := d.o.Addresses
	if d.o.SentinelMaster != "" {
		master, err := d.master(ctx)
		if err != nil {
			return nil, err
		}
		addresses = []string{master}
	} else if moved := d.node(); moved != "" {
		addresses = append([]string{moved}, addresses...)
	}
	var failed error
	for _, address := range addresses {
		conn, err := d.connect(ctx, address, d.o.User, d.o.Password)
		if err == nil {
			return conn, nil
		}
		failed = errors.Join(failed, fmt.Errorf("%s: %w", address, err))
	}
	return nil, failed
}

// master asks the Sentinels, one after the other, which server is the master
// (https://redis.io/docs/latest/develop/reference/sentinel-clients/). It returns the
// first answer: a server that is not the master any more refuses to write, and then the
// Sentinels are asked again.
func (d *dialer) master(ctx context.Context) (address string, err error) {
	var failed error
	for _, sentinel := range d.o.Addresses {
		address, err := d.ask(ctx, sentinel)
		if err == nil {
			return address, nil
		}
		failed = errors.Join(failed, fmt.Errorf("the Sentinel %s: %w", sentinel, err))
	}
	return "", failed
}

var errNoMaster = errors.New("it knows no master of that name (cluster.sentinel_master)")

// ask asks a Sentinel. One that requires a login gets the name and password of the store.
func (d *dialer) ask(ctx context.Context, sentinel string) (address string, err error) {
	ctx, cancel := context.WithTimeout(ctx, sentinelTime)
	defer cancel()
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

func (d *dialer) node() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.moved
}

// follow remembers the node that a Cluster redirects to, and reports whether the error
// is a redirection (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/).
func (d *dialer) follow(err error) bool {
	words := strings.Fields(err.Error())
	if len(words) != 3 || words[0] != "MOVED" {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.moved = words[2]
	return true
}

// forget forgets the node, so that the configured addresses are tried first.
func (d *dialer) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.moved = ""
}
