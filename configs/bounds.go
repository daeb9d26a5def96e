package configs

import (
	"fmt"
	"strings"
	"time"
)

// limitBound holds a limit between the least that works and the most that
// makes sense.
type limitBound struct {
	key      string
	value    func(Limits) int
	min, max int
}

var limitBounds = []limitBound{
	{"connections", func(l Limits) int { return l.Connections }, 1, 1_000_000},
	{"connections_per_client", func(l Limits) int { return l.ConnectionsPerClient }, 1, 1_000_000},
	{"connections_per_network", func(l Limits) int { return l.ConnectionsPerNetwork }, 1, 1_000_000},
	{"unauthenticated", func(l Limits) int { return l.Unauthenticated }, 1, 1_000_000},
	{"unauthenticated_per_client", func(l Limits) int { return l.UnauthenticatedPerClient }, 1, 1_000_000},
	{"login_failures_per_client", func(l Limits) int { return l.LoginFailuresPerClient }, 0, 1_000_000},
	{"login_failures_per_user", func(l Limits) int { return l.LoginFailuresPerUser }, 0, 1_000_000},
	{"handshakes", func(l Limits) int { return l.Handshakes }, 1, 100_000},
	{"reserved", func(l Limits) int { return l.Reserved }, 0, 100},
	{"web_connections", func(l Limits) int { return l.WebConnections }, 1, 10_000},
	{"web_connections_per_client", func(l Limits) int { return l.WebConnectionsPerClient }, 1, 10_000},
	{"line", func(l Limits) int { return l.Line }, 1024, 1 << 20},
	{"token", func(l Limits) int { return l.Token }, 12288, 1 << 20}, // RFC 4954 §4
	{"literal", func(l Limits) int { return l.Literal }, 1024, 1 << 24},
	{"message", func(l Limits) int { return l.Message }, 1 << 16, 1<<31 - 1},
	{"spool", func(l Limits) int { return l.Spool }, 1 << 16, 1<<31 - 1},
	{"errors", func(l Limits) int { return l.Errors }, 1, 1000},
}

// logBound is limitBound for the log.
type logBound struct {
	key      string
	value    func(Log) int
	min, max int
}

var logBounds = []logBound{
	{"max_value", func(l Log) int { return l.MaxValue }, 64, 16 << 10},
	{"rate_per_client", func(l Log) int { return l.RatePerClient }, 4 << 10, 1 << 30},
	{"rate_per_network", func(l Log) int { return l.RatePerNetwork }, 4 << 10, 1 << 30},
	{"rate", func(l Log) int { return l.Rate }, 64 << 10, 1 << 30},
}

type timeoutBound struct {
	key      string
	value    func(Timeouts) time.Duration
	min, max time.Duration
}

var timeoutBounds = []timeoutBound{
	{"proxy_header", func(t Timeouts) time.Duration { return t.ProxyHeader }, time.Second, time.Minute},
	{"reverse_dns", func(t Timeouts) time.Duration { return t.ReverseDNS }, time.Second, time.Minute},
	{"handshake", func(t Timeouts) time.Duration { return t.Handshake }, time.Second, 10 * time.Minute},
	{"dial", func(t Timeouts) time.Duration { return t.Dial }, time.Second, 10 * time.Minute},
	{"greeting", func(t Timeouts) time.Duration { return t.Greeting }, time.Second, time.Hour},
	{"command", func(t Timeouts) time.Duration { return t.Command }, time.Second, time.Hour},
	{"login", func(t Timeouts) time.Duration { return t.Login }, time.Second, time.Hour},
	{"unauthenticated", func(t Timeouts) time.Duration { return t.Unauthenticated }, 0, time.Hour},
	{"login_delay", func(t Timeouts) time.Duration { return t.LoginDelay }, 0, 5 * time.Minute},
	{"login_forget", func(t Timeouts) time.Duration { return t.LoginForget }, time.Second, 30 * 24 * time.Hour},
	{"idle", func(t Timeouts) time.Duration { return t.Idle }, time.Second, 24 * time.Hour},
	{"data", func(t Timeouts) time.Duration { return t.Data }, time.Second, time.Hour},
	{"message", func(t Timeouts) time.Duration { return t.Message }, time.Second, 24 * time.Hour},
	{"end_of_data", func(t Timeouts) time.Duration { return t.EndOfData }, time.Second, time.Hour},
	{"shutdown", func(t Timeouts) time.Duration { return t.Shutdown }, time.Second, time.Hour},
}

// checkLimits: zero is refused too, but for failed logins, where others may do
// the counting. In other programs it means no limit, and here there is none
// without.
func checkLimits(c *Config, _ Machine, r report) {
	for _, b := range limitBounds {
		if v := b.value(c.Limits); v < b.min || v > b.max {
			r.in("limits").in(b.key).wrong(
				fmt.Sprintf("write a number from %d to %d; without the key it is %d", b.min, b.max, b.value(Default().Limits)),
				"%s cannot be %d", b.key, v)
		}
	}
}

// checkTimeouts: a wait without an end would hold its connection for ever.
func checkTimeouts(c *Config, _ Machine, r report) {
	for _, b := range timeoutBounds {
		if v := b.value(c.Timeouts); v < b.min || v > b.max {
			r.in("timeouts").in(b.key).wrong(
				fmt.Sprintf("write a duration from %s to %s; without the key it is %s", short(b.min), short(b.max), short(b.value(Default().Timeouts))),
				"%s cannot be %s", b.key, short(v))
		}
	}
}

// checkGreetDelay: RFC 5321 §4.5.3.2.1 has clients wait for five minutes, and
// not all do.
func checkGreetDelay(_ *Config, l Listener, r report) {
	const longest = time.Minute
	if d := l.GreetDelay; d != nil && (*d < 0 || *d > longest) {
		r.in("greet_delay").wrong(fmt.Sprintf("write a duration up to %s, or 0s for none", short(longest)), "greet_delay cannot be %s", short(*d))
	}
}

// short writes a duration as a person would: 5m, not 5m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
