package cluster

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	miniserver "github.com/alicebob/miniredis/v2/server"

	"github.com/letterlock/letterlock/internal/test/redis"
	"github.com/letterlock/letterlock/internal/test/wait"
)

var aName = Name{"login", "u alice@example.com"}

// Instances with the same key and prefix share values; other instances do not, and the
// store can read neither names nor values.
func TestValuesAreShared(t *testing.T) {
	server := redis.Run(t)
	one, two := join(t, options("one", server.Addr())), join(t, options("two", server.Addr()))
	one.mustSet(aName, "the value")
	two.want(aName, "the value")
	two.want(Name{"login", "u bob"}, "")
	for _, key := range server.Keys() {
		if text, _ := server.Get(key); strings.Contains(key+text, "alice") || strings.Contains(text, "value") || strings.Contains(text, "1.0") {
			t.Errorf("the store can read %q: %q", key, text)
		}
		if !strings.HasPrefix(key, "{test}:") {
			t.Errorf("the key %q is without the prefix", key)
		}
	}
	prefix := options("three", server.Addr())
	prefix.Prefix = "other"
	join(t, prefix).want(aName, "")
	if err := two.Delete(t.Context(), aName); err != nil {
		t.Fatal(err)
	}
	one.want(aName, "")
}

// A value of another cluster, a value of a program that knows nothing of it, and one of
// another type are ignored, and can be replaced.
func TestForeignValuesAreIgnored(t *testing.T) {
	server := redis.Run(t)
	o := options("one", server.Addr())
	one := join(t, o)
	key := one.sealer.key(aName)
	newer, err := one.sealer.seal(aName, []byte("of the future"))
	if err != nil {
		t.Fatal(err)
	}
	newer[len(magic)] = format + 1
	for i, put := range []func(){
		func() { _ = server.Set(key, "garbage") },
		func() { server.Del(key); _, _ = server.Lpush(key, "a list") },
		func() { server.Del(key); _ = server.Set(key, strings.Repeat("x", maxBulk+10)) },
	} {
		put()
		one.want(aName, "")
		if n := one.Report().Ignored; n != uint64(i+1) {
			t.Errorf("%d values were ignored, not %d", n, i+1)
		}
	}
	one.logs("a value in the store is ignored")
	_, _ = server.Lpush("unrelated", "x")
	server.Del(key)
	_, _ = server.Lpush(key, "a list")
	if err := one.Update(t.Context(), aName, time.Minute, func([]byte) []byte { return []byte("ours") }); err != nil {
		t.Fatal(err)
	}
	one.want(aName, "ours")
	_ = server.Set(key, string(newer))
	one.want(aName, "")
	if err := one.Update(t.Context(), aName, time.Minute, func([]byte) []byte { return []byte("old") }); !errors.Is(err, ErrNewer) {
		t.Errorf("a change to a value of a newer version: %v", err)
	}
	if text, _ := server.Get(key); text != string(newer) {
		t.Error("a value of a newer version is replaced")
	}
	if r := one.Report(); r.Versions == 0 {
		t.Errorf("a value of another version is not counted: %+v", r)
	}
	if !one.Up() {
		t.Error("foreign values take the store down")
	}
}

// Changes that instances make at the same time are all made.
func TestUpdatesAtTheSameTime(t *testing.T) {
	server := redis.Run(t)
	one, two := join(t, options("one", server.Addr())), join(t, options("two", server.Addr()))
	const each = 50
	var running sync.WaitGroup
	for _, i := range []*instance{one, two} {
		running.Go(func() {
			for done := 0; done < each; {
				err := i.Update(context.Background(), aName, time.Minute, func(value []byte) []byte {
					n, _ := strconv.Atoi(string(value))
					return []byte(strconv.Itoa(n + 1))
				})
				if err == nil {
					done++
				} else if !errors.Is(err, errConflict) {
					t.Error(err)
					return
				}
			}
		})
	}
	running.Wait()
	one.want(aName, strconv.Itoa(2*each))
}

// While the store is down no command waits for it; when it is back it is used again.
func TestH17_TheStoreDies(t *testing.T) {
	server := redis.Run(t)
	address := server.Addr()
	one := create(t, options("one", address))
	one.pause = time.Hour // no check is due before the command that fails
	one.Start()
	one.mustBeUp()
	one.mustSet(aName, "value")
	server.Close()
	if _, err := one.Get(t.Context(), aName); err == nil {
		t.Fatal("a value of a dead store")
	}
	one.doesNotWait()
	if r := one.Report(); r.Up || r.Problem == "" || r.Failures == 0 {
		t.Errorf("%+v", r)
	}
	one.logs("this instance goes on alone")
	if err := server.StartAddr(address); err != nil {
		t.Fatal(err)
	}
	one.asked <- struct{}{}
	one.mustBeUp()
	one.want(aName, "value")
}

// A store that accepts commands and does not answer costs one command the time that a
// session waits, and no other.
func TestH17_ASilentStore(t *testing.T) {
	server := redis.Run(t)
	between := newFaulty(t, server.Addr())
	o := options("one", between.Addr().String())
	o.SessionTime = time.Second // for the commands that must succeed
	one := join(t, o)
	between.silent.Store(true)
	counts := one.Logins()
	begin := time.Now()
	if _, err := counts.Read([]string{"alice"}); err == nil {
		t.Fatal("an answer of a silent store")
	}
	if took := time.Since(begin); took > 10*o.SessionTime {
		t.Errorf("a session has waited %v", took)
	}
	if err := counts.Update("alice", time.Minute, func([]byte) []byte { return []byte("x") }); !errors.Is(err, ErrDown) {
		t.Fatal(err)
	}
	between.silent.Store(false)
	between.cut()
	one.mustBeUp()
	if _, err := counts.Read([]string{"alice"}); err != nil {
		t.Error(err)
	}
}

// A store whose replies take longer than a session waits counts as down, although it
// answers. No session waits for it until it is quick again.
func TestASlowStore(t *testing.T) {
	server := redis.Run(t)
	between := newFaulty(t, server.Addr())
	o := options("one", between.Addr().String())
	o.SessionTime = 300 * time.Millisecond
	one := join(t, o)
	between.delay.Store(int64(2 * o.SessionTime))
	one.logs("its replies take longer than a session waits")
	var reads atomic.Int64
	server.Server().SetPreHook(func(_ *miniserver.Peer, command string, _ ...string) bool {
		if command == "GETRANGE" {
			reads.Add(1)
		}
		return false
	})
	for range 1000 {
		if _, err := one.Logins().Read([]string{"alice"}); !errors.Is(err, ErrDown) {
			t.Fatal(err)
		}
	}
	if n := reads.Load(); n > 0 {
		t.Errorf("of a thousand sessions %d have asked the store", n)
	}
	between.delay.Store(0)
	one.mustBeUp()
}

// Connecting to a distant store takes longer than a session waits, although each reply comes
// in time. The connections are made nevertheless, so that sessions find them from then on.
func TestADistantStore(t *testing.T) {
	server := redis.Run(t)
	server.RequireUserAuth("letterlock", "store secret")
	between := newFaulty(t, server.Addr())
	o := options("one", between.Addr().String())
	o.User, o.Password, o.SessionTime = "letterlock", "store secret", 500*time.Millisecond
	between.delay.Store(int64(300 * time.Millisecond))
	one := join(t, o)
	wait.Until(t, "logins at the same time do not find connections", func() bool {
		const logins = 8
		var done atomic.Int32
		var running sync.WaitGroup
		for range logins {
			running.Go(func() {
				if _, err := one.Logins().Read([]string{"alice"}); err == nil {
					done.Add(1)
				}
			})
		}
		running.Wait()
		return done.Load() == logins
	})
}

// During a rolling upgrade an older and a newer program use the store. The older one leaves
// alone what it cannot read, and goes on with its own knowledge. The newer one replaces what
// is older.
func TestTwoVersionsSideBySide(t *testing.T) {
	server := redis.Run(t)
	older, newer := join(t, options("one", server.Addr())), create(t, options("two", server.Addr()))
	newer.sealer.format++
	newer.Start()
	newer.mustBeUp()
	count := func([]byte) []byte { return []byte("1") }
	newer.mustSet(aName, "of the future")
	older.want(aName, "")
	if err := older.Logins().Update(aName.ID, time.Minute, count); !errors.Is(err, ErrNewer) {
		t.Errorf("the older program changes a value of the newer one: %v", err)
	}
	newer.want(aName, "of the future")
	older.mustSet(Name{"login", "u bob"}, "of the past")
	if err := newer.Logins().Update("u bob", time.Minute, count); err != nil {
		t.Error(err)
	}
	newer.want(Name{"login", "u bob"}, "1")
	if !older.Up() || !newer.Up() || older.Report().Versions == 0 {
		t.Errorf("%+v, %+v", older.Report(), newer.Report())
	}
}

// A store that refuses writes because it is full stays up for reading, and says so.
func TestAFullStore(t *testing.T) {
	server := redis.Run(t)
	one := join(t, options("one", server.Addr()))
	server.SetError("OOM command not allowed when used memory > 'maxmemory'.")
	one.logs("the store cannot be written")
	if r := one.Report(); !r.Up || !strings.Contains(r.Problem, "OOM") {
		t.Errorf("%+v", r)
	}
	server.SetError("")
	one.logs("the store can be written again")
	if r := one.Report(); r.Problem != "" {
		t.Errorf("%+v", r)
	}
}

// A store that was wiped is an empty store.
func TestAWipedStore(t *testing.T) {
	server := redis.Run(t)
	one := join(t, options("one", server.Addr()))
	one.mustSet(aName, "value")
	server.FlushAll()
	one.want(aName, "")
	one.mustSet(aName, "again")
	one.want(aName, "again")
}

// An instance continues without a store that sends hostile replies.
func TestH17_AHostileStore(t *testing.T) {
	for _, reply := range []string{
		"$99999999999999\r\n", "*99999999999\r\n", "*1\r\n*1\r\n*1\r\n", "+OK\r\n", "*2\r\n$1\r\nx\r\n$1\r\ny\r\n", ":1\r\n", "-NOPERM this user has no permissions\r\n",
		"-MOVED\r\n", "-MOVED 1 nowhere\r\n", "-MOVED 1 127.0.0.1:1\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n", "*-1\r\n", "$-1\r\n", strings.Repeat("+OK\r\n", 1000),
	} {
		i := start(t, options("one", newScripted(t, reply)))
		i.logs("the store cannot be used")
		if i.Up() {
			t.Errorf("%.40q takes the store up", reply)
		}
		if n := len(i.Report().Problem); n > 1000 {
			t.Errorf("%.40q: a problem of %d bytes", reply, n)
		}
		i.Close()
	}
}

// Two processes with one name are reported, until one of them is gone. A process that is
// being replaced leaves its name to the other.
func TestTheSameNameTwice(t *testing.T) {
	server := redis.Run(t)
	one, two := join(t, options("same", server.Addr())), join(t, options("same", server.Addr()))
	one.logs("another process has the name of this instance")
	two.logs("another process has the name of this instance")
	one.Retire()
	wait.Until(t, "the name is still reported as used twice", func() bool { return two.Report().Problem == "" })
}

// The store's clock counts, by which instances agree.
func TestTheClockOfTheStore(t *testing.T) {
	server := redis.Run(t)
	server.SetTime(time.Now().Add(-5 * time.Minute))
	one := join(t, options("one", server.Addr()))
	if ahead := time.Since(one.Now()); ahead < 4*time.Minute || ahead > 6*time.Minute {
		t.Errorf("the time of the store differs by %v", ahead)
	}
}

func TestAuthentication(t *testing.T) {
	server := redis.Run(t)
	server.RequireUserAuth("letterlock", "secret word")
	o := options("one", server.Addr())
	o.User, o.Password = "letterlock", "secret word"
	join(t, o).mustSet(aName, "value")
	o.Password = "a wrong word"
	wrong := start(t, o)
	wrong.logs("the store cannot be used")
	if strings.Contains(wrong.log.String()+wrong.Report().Problem, "a wrong word") {
		t.Error("the password is in the log")
	}
}
