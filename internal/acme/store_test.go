package acme

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/acme/autocert"

	"github.com/letterlock/letterlock/internal/test/pebble"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// A certificate that cannot be stored is served, and stored when the disk has room again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{TLSALPN: anyPort, Retry: time.Millisecond, LongestRetry: 50 * time.Millisecond})
	disk := &fullDisk{Cache: b.store.Cache}
	disk.full.Store(true)
	b.store.Cache = disk
	b.start(t, pebble.Options{})
	b.Serve()
	certs := b.await(t, 2, anyOne)
	if !strings.Contains(b.log.String(), "lost with the next restart: make room on the disk") {
		t.Error(b.log)
	}
	wait.Until(t, "the certificate is not tried again", func() bool { return strings.Contains(b.log.String(), "still cannot be stored") })
	disk.full.Store(false)
	wait.Until(t, "the certificates are not stored", func() bool {
		stored, err := Stored(b.o.Dir, b.o.Certificates, b.hosts())
		return err == nil && slices.EqualFunc(stored, certs, func(a, c tls.Certificate) bool { return bytes.Equal(a.Leaf.Raw, c.Leaf.Raw) })
	})
}

// fullDisk is a folder that cannot be written while it is full.
type fullDisk struct {
	autocert.Cache
	full atomic.Bool
}

func (d *fullDisk) Put(ctx context.Context, name string, data []byte) error {
	if d.full.Load() {
		return errors.New("no space left on device")
	}
	return d.Cache.Put(ctx, name, data)
}

func TestTokens(t *testing.T) {
	t.Parallel()
	a := newAnswers(store{}, nil)
	if err := (http01{a}).Present(t.Context(), challengeOf("tok-en_1")); err != nil {
		t.Fatal(err)
	}
	if a.text(t.Context(), "tok-en_1") == "" || a.text(t.Context(), "other") != "" {
		t.Error("the wrong answers")
	}
	var good []string
	for _, token := range []string{"tok-en_1", "", "../x", "a/b", "a+http-01", strings.Repeat("a", 257)} {
		if isToken(token) {
			good = append(good, token)
		}
	}
	if !slices.Equal(good, []string{"tok-en_1"}) {
		t.Error(good)
	}
}
