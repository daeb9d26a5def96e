package loghandler

import (
	"fmt"
	"log/slog"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// narrow are the rates of a usual configuration.
func narrow(format string) Options {
	o := wide(format)
	o.Level = slog.LevelDebug
	o.Rates = Rates{Client: 16 << 10, Network: 32 << 10, Total: 1 << 20}
	return o
}

// from returns the attribute of a client that has not settled.
func from(address netip.Addr) slog.Attr {
	return slog.Any("client", netip.AddrPortFrom(address, 40000))
}

func address(format string, args ...any) netip.Addr {
	return netip.MustParseAddr(fmt.Sprintf(format, args...))
}

// H3: however many lines a client, a network or all of them cause, the log
// grows by no more than the rate within any minute; and the number of missing
// lines is logged.
func TestH3_RatesHold(t *testing.T) {
	for name, c := range map[string]struct {
		client func(i int) netip.Addr
		level  slog.Level
		limit  int
	}{
		"a client":          {func(int) netip.Addr { return address("192.0.2.1") }, slog.LevelInfo, 16 << 10},
		"a client of IPv6":  {func(i int) netip.Addr { return address("2001:db8::%x", i) }, slog.LevelInfo, 16 << 10},
		"a network":         {func(i int) netip.Addr { return address("192.0.2.%d", i%256) }, slog.LevelWarn, 32 << 10},
		"a network of IPv6": {func(i int) netip.Addr { return address("2001:db8:1:%x::1", i) }, slog.LevelInfo, 32 << 10},
		"an allocation":     {func(i int) netip.Addr { return address("2001:db8:%x::1", i) }, slog.LevelInfo, 1 << 16},
		"all of IPv6":       {func(i int) netip.Addr { return address("2001:%x:%x::1", i%256, i) }, slog.LevelInfo, 1 << 18},
		"all of IPv4":       {func(i int) netip.Addr { return address("10.%d.%d.1", i%256, i/256%256) }, slog.LevelInfo, 1 << 18},
		"a client, debug":   {func(int) netip.Addr { return address("192.0.2.1") }, slog.LevelDebug, 4 * 16 << 10},
		"no client, debug":  {func(int) netip.Addr { return netip.Addr{} }, slog.LevelDebug, 4 * ownRate},
		"one own message":   {func(int) netip.Addr { return netip.Addr{} }, slog.LevelError, ownRate},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, log, written := newLog(t, narrow("text"))
				for i := range 30_000 {
					log.LogAttrs(t.Context(), c.level, "message", from(c.client(i)), slog.String("words", "some of them"))
					if i%500 == 499 {
						time.Sleep(time.Second)
					}
				}
				if n := len(written()); n > c.limit || n < c.limit/3 {
					t.Errorf("%d bytes within a minute, with a maximum of %d", n, c.limit)
				}
				if n := strings.Count(written(), "msg=message") + int(l.Counts().LeftOut); n != 30_000 {
					t.Errorf("%d lines are written or counted", n)
				}
				l.Close(patience)
			})
		})
	}
}

// There are a few lines of each kind a minute, whichever clients cause them.
func TestH3_KindsAreSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, log, written := newLog(t, wide("text"))
		kind := func(outcome, listener string) []any {
			return []any{slog.Any("outcome", Kind(outcome)), slog.Any("listener", Kind(listener)), slog.String("remedy", strings.Repeat("x", 300))}
		}
		for i := range 1000 {
			log.Warn("session", append(kind("tls-without-starttls", "imap on :143"), from(address("192.0.%d.%d", i%200, i%100)))...)
		}
		log.Warn("session", append(kind("tls-without-starttls", "pop3 on :110"), from(address("192.0.2.1")))...)
		log.Info("session", slog.String("outcome", "done"), from(address("192.0.2.1")))
		l.Flush(patience)
		if n := strings.Count(written(), `outcome=tls-without-starttls listener="imap on :143"`); n < 2 || n > 6 {
			t.Errorf("%d lines of a kind", n)
		}
		for _, other := range []string{`listener="pop3 on :110"`, "outcome=done"} {
			if !strings.Contains(written(), other) {
				t.Errorf("no line with %s", other)
			}
		}
		time.Sleep(time.Minute)
		log.Warn("session", append(kind("tls-without-starttls", "imap on :143"), from(address("192.0.2.1")))...)
		l.Flush(patience)
		if n := strings.Count(written(), `listener="imap on :143"`); n < 3 || n > 7 {
			t.Errorf("%d lines of a kind in two minutes", n)
		}
		l.Close(patience)
	})
}

// The omitted lines of a network are counted in its next line, and those of all
// networks once a minute.
func TestH3_LeftOutIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, log, written := newLog(t, narrow("text"))
		for range 1000 {
			log.Info("message", from(address("192.0.2.1")))
			log.Info("message", from(address("198.51.100.1")))
		}
		time.Sleep(time.Minute)
		log.Info("later", from(address("192.0.2.77"))) // another address of the network
		log.Info("later", from(address("192.0.2.1")))
		log.Info("message", from(address("203.0.113.1")))
		l.Flush(patience)
		passed := strings.Count(written(), "msg=message client=192.0.2.1:")
		if want := fmt.Sprintf("msg=later client=192.0.2.77:40000 left_out=%d\n", 1000-passed); strings.Count(written(), want) != 1 {
			t.Errorf("no %q in\n%s", want, written())
		}
		if n := strings.Count(written(), "left_out="); n != 1 {
			t.Errorf("%d lines report omitted lines", n)
		}
		sum := regexp.MustCompile(`msg="log lines were left out" lines=(\d+) within=1m0s`).FindStringSubmatch(written())
		if sum == nil || sum[1] != strconv.FormatUint(l.Counts().LeftOut, 10) {
			t.Errorf("%q in all, of %d", sum, l.Counts().LeftOut)
		}
		l.Close(patience)
	})
}

// H3: an attacker cannot silence an honest network by using many networks, and
// gains nothing by filling the memory.
func TestH3_HonestNetworksAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, log, written := newLog(t, narrow("text"))
		log.Info("login", slog.Any("client", Client{netip.AddrPortFrom(address("2001:db8:ffff::7"), 1), true}))
		for i := range 50_000 {
			log.Info("flood", from(address("2001:db8:%x::%x", i%0xffff, i%0xfff)))
			log.Info("flood", from(address("2a02:%x:%x::1", i%0xffff, i%0xfff)))
		}
		for _, honest := range []string{"192.0.2.1", "2001:db8:ffff::7"} { // a network of the other family; a known network
			log.Warn("honest", from(address("%s", honest)))
			if !strings.Contains(written(), "msg=honest client="+netip.AddrPortFrom(address("%s", honest), 40000).String()) {
				t.Errorf("the line of %s was omitted", honest)
			}
		}
		if n := len(written()); n > 1<<19 {
			t.Errorf("%d bytes", n)
		}
		time.Sleep(time.Minute / 4)
		log.Warn("honest", from(address("2a03::1"))) // an unknown network, when the flood pauses
		if !strings.Contains(written(), "[2a03::1]") {
			t.Error("the line of an honest network was omitted after the flood")
		}
		l.Close(patience)
	})
}

// An account that was removed from the memory begins anew with its full rate;
// so a full memory silences no network.
func TestEvictionFailsOpen(t *testing.T) {
	l := newLimiter()
	l.set(Rates{Client: 16 << 10, Network: 32 << 10, Total: 1 << 40})
	now := l.start
	for i := range 4 * slots {
		c := cause{client: address("%d.%d.%d.1", 1+i%200, i/200%256, i/51200)}
		if _, ok := l.open(c, now); !ok || !l.charge(c, 200, 0, now) {
			t.Fatalf("the line of network %d was omitted", i)
		}
	}
}

// The lines of sessions with a login are all written, and are not charged to
// any client.
func TestSettledLinesAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, log, written := newLog(t, narrow("text"))
		client := netip.AddrPortFrom(address("192.0.2.1"), 40000)
		for range 2000 {
			log.Info("connection", "client", client)
			log.Info("session", "client", Client{client, true})
		}
		if n := strings.Count(written(), "msg=session client=192.0.2.1:40000"); n != 2000 {
			t.Errorf("%d lines of sessions that were logged in", n)
		}
		if n := strings.Count(written(), "msg=connection"); n < 100 || n > 2000*knownShare/10 {
			t.Errorf("%d lines of a known network", n)
		}
		l.Close(patience)
	})
}

// A line that is longer than half a minute's rate is written all the same.
func TestLongLinesPass(t *testing.T) {
	o := narrow("text")
	o.Rates = Rates{Client: 100, Network: 100, Total: 100}
	_, log, written := newLog(t, o)
	log.Info(strings.Repeat("long ", 40), from(address("192.0.2.1")))
	log.Info("another", from(address("192.0.2.1")))
	if !strings.Contains(written(), "long long") || strings.Contains(written(), "another") {
		t.Errorf("%q", written())
	}
}
