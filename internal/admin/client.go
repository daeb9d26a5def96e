package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// Client calls the API of a running proxy.
type Client struct {
	Paths []string // the possible paths of the socket; the first that answers counts
}

// ErrNotRunning means that no proxy answers on the socket.
var ErrNotRunning = errors.New("no running proxy was found")

// maxReply bounds a reply, in bytes.
const maxReply = 1 << 30

// Get sends a request that changes nothing, and decodes the reply.
func (c Client) Get(ctx context.Context, path string, parameters url.Values, reply any) error {
	return c.decode(ctx, http.MethodGet, path, parameters, reply)
}

// Post sends a request that changes the state of the proxy, and decodes the reply.
func (c Client) Post(ctx context.Context, path string, parameters url.Values, reply any) error {
	return c.decode(ctx, http.MethodPost, path, parameters, reply)
}

func (c Client) decode(ctx context.Context, method, path string, parameters url.Values, into any) error {
	body, err := c.Do(ctx, method, path, parameters)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	if err := json.NewDecoder(io.LimitReader(body, maxReply)).Decode(into); err != nil {
		return fmt.Errorf("the reply of the proxy cannot be read: %w", err)
	}
	return nil
}

// Do sends a request, and returns the body of the reply. The caller closes it.
func (c Client) Do(ctx context.Context, method, path string, parameters url.Values) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://letterlock/"+Version+path+"?"+parameters.Encode(), nil)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{DialContext: c.dial, DisableKeepAlives: true}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusOK {
		return response.Body, nil
	}
	defer func() { _ = response.Body.Close() }()
	var failed Error
	if err := json.NewDecoder(io.LimitReader(response.Body, maxReply)).Decode(&failed); err != nil || failed.Error == "" {
		return nil, fmt.Errorf("the proxy replies %s", response.Status)
	}
	return nil, errors.New(failed.Error)
}

// Replaced returns a client for each process that an upgrade has replaced and that
// still has sessions.
func (c Client) Replaced() (all []Client) {
	for _, path := range c.Paths {
		for _, old := range replacedPaths(path) {
			all = append(all, Client{Paths: []string{old}})
		}
	}
	return all
}

func (c Client) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	var failures []string
	for _, path := range c.Paths {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "unix", path)
		if err == nil {
			return conn, nil
		}
		failures = append(failures, err.Error())
	}
	return nil, fmt.Errorf("%w: %s", ErrNotRunning, strings.Join(failures, "; "))
}
