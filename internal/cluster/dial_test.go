package cluster

import (
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/alicebob/miniredis/v2/server"

	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/redis"
)

// newSentinel starts a Sentinel that knows the master "mail" at the address that master
// returns.
func newSentinel(t *testing.T, master func() string) *server.Server {
	t.Helper()
	s, err := server.NewServer(loopback.FreeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	err = s.Register("SENTINEL", func(c *server.Peer, _ string, args []string) {
		if len(args) != 2 || !strings.EqualFold(args[0], "GET-MASTER-ADDR-BY-NAME") || args[1] != "mail" {
			c.WriteLen(-1)
			return
		}
		host, port, _ := net.SplitHostPort(master())
		c.WriteStrings([]string{host, port})
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The Sentinels name the server; after a failover they name another one. A Sentinel that
// is dead, or knows no such master, is passed over.
func TestSentinel(t *testing.T) {
	first, second := redis.Run(t), redis.Run(t)
	masters := make(chan string, 1)
	masters <- first.Addr()
	master := func() string {
		m := <-masters
		masters <- m
		return m
	}
	dead := newSentinel(t, master)
	address := dead.Addr().String()
	dead.Close()
	o := options("one", address, newScripted(t, "*-1\r\n"), newSentinel(t, master).Addr().String())
	o.SentinelMaster = "mail"
	one := join(t, o)
	one.mustSet(aName, "at the first")
	<-masters
	masters <- second.Addr()
	first.SetError("READONLY You can't write against a read only replica.")
	one.logs("READONLY")
	one.mustBeUp()
	one.mustSet(aName, "at the second")
	if len(second.Keys()) == 0 {
		t.Error("the new master is not used")
	}
	unknown := o
	unknown.SentinelMaster = "nobody"
	start(t, unknown).logs("it knows no master of that name")
}

// A Sentinel that was cut off, or restarted, may still name a former master. The other
// Sentinels outvote it, also if one of them is dead or silent.
func TestAStaleSentinel(t *testing.T) {
	former, present := redis.Run(t), redis.Run(t)
	stale, right := newSentinel(t, former.Addr).Addr().String(), newSentinel(t, present.Addr).Addr().String()
	for name, sentinels := range map[string][]string{
		"the first of three":       {stale, right, newSentinel(t, present.Addr).Addr().String()},
		"the second of three":      {right, stale, newSentinel(t, present.Addr).Addr().String()},
		"the last but one of four": {newSilent(t), right, stale, newSentinel(t, present.Addr).Addr().String()},
	} {
		o := options("one", sentinels...)
		o.SentinelMaster, o.Prefix = "mail", strings.ReplaceAll(name, " ", "-")
		join(t, o).mustSet(aName, "value")
	}
	if n := len(former.Keys()); n > 0 || len(present.Keys()) == 0 {
		t.Errorf("the former master has %d values", n)
	}
}

// newSilent returns the address of a server that accepts connections, and says nothing.
func newSilent(t *testing.T) string {
	t.Helper()
	return loopback.Listen(t).Addr().String()
}

// A Sentinel that requires a login gets that of the store.
func TestSentinelWithLogin(t *testing.T) {
	store := redis.Run(t)
	store.RequireUserAuth("letterlock", "store secret")
	sentinel := newSentinel(t, store.Addr)
	var mu sync.Mutex
	known := map[*server.Peer]bool{}
	if err := sentinel.Register("AUTH", func(c *server.Peer, _ string, args []string) {
		mu.Lock()
		known[c] = slices.Equal(args, []string{"letterlock", "store secret"})
		mu.Unlock()
		c.WriteOK()
	}); err != nil {
		t.Fatal(err)
	}
	sentinel.SetPreHook(func(c *server.Peer, command string, _ ...string) bool {
		mu.Lock()
		defer mu.Unlock()
		if command == "AUTH" || known[c] {
			return false
		}
		c.WriteError("NOAUTH Authentication required.")
		return true
	})
	o := options("one", sentinel.Addr().String())
	o.SentinelMaster = "mail"
	without := o
	o.User, o.Password = "letterlock", "store secret"
	join(t, o).mustSet(aName, "value")
	if len(store.Keys()) == 0 {
		t.Error("the server is not used")
	}
	start(t, without).logs("NOAUTH")
}

// A node of a Cluster redirects to the node that has the values.
func TestCluster(t *testing.T) {
	owner := redis.Run(t)
	one := join(t, options("one", newScripted(t, "-MOVED 1234 "+owner.Addr()+"\r\n")))
	one.mustSet(aName, "value")
	one.want(aName, "value")
	if len(owner.Keys()) == 0 {
		t.Error("the owner of the slot is not used")
	}
}
