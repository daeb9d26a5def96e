package health

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// maxAnswer is the maximum length of an answer that is read, in bytes.
const maxAnswer = 64 << 10

// ErrNoAnswer means that nothing answers at an address.
var ErrNoAnswer = errors.New("no answer")

var (
	errNotReady = errors.New("not ready")
	errForeign  = errors.New("this is not the status page of Letterlock")
)

// AskFirst asks the first of several addresses at which something answers.
func AskFirst(ctx context.Context, addresses []string, live bool) error {
	var silent []error
	for _, address := range addresses {
		err := Ask(ctx, address, live)
		if !errors.Is(err, ErrNoAnswer) {
			return err
		}
		silent = append(silent, err)
	}
	return oneLine(silent)
}

// oneLine joins errors in one line.
func oneLine(all []error) error {
	if len(all) == 0 {
		return ErrNoAnswer
	}
	err := all[0]
	for _, next := range all[1:] {
		err = fmt.Errorf("%w; %w", err, next)
	}
	return err
}

// Ask asks the proxy whose status listener or socket is at an address: host:port,
// or unix:/path. The result is nil if the proxy is ready, or with live if it is
// alive.
func Ask(ctx context.Context, address string, live bool) error {
	path, socket := strings.CutPrefix(address, "unix:")
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			if socket {
				return d.DialContext(ctx, "unix", path)
			}
			return d.DialContext(ctx, "tcp", address)
		},
	}}
	question := ReadyPath
	if live {
		question = LivePath
	}
	// The status page answers only if it is asked by localhost or an address.
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+question, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("%s: %w: %w", address, ErrNoAnswer, err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("%s: %w: %w", address, ErrNoAnswer, err)
	}
	return verdict(address, response.StatusCode, strings.TrimSpace(string(text)))
}

// verdict interprets an answer.
func verdict(address string, status int, text string) error {
	switch {
	case status == http.StatusOK && text == "ok":
		return nil
	case status == http.StatusServiceUnavailable && text != "":
		return fmt.Errorf("%w: %s", errNotReady, strings.ReplaceAll(text, "\n", "; "))
	}
	return fmt.Errorf("%s answers with status %d: %w", address, status, errForeign)
}
