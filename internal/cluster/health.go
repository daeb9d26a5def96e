package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"
)

// Report is the state of the store.
type Report struct {
	Addresses []string
	Instance  string
	Up        bool
	Since     time.Time // of Up
	Problem   string    // what does not work and what to do; empty: everything works
	Ignored   uint64    // values that this cluster has not written
	Versions  uint64    // values in the format of another version
	Failures  uint64    // commands that have failed
}

// health is the state of the store, as the last check and the commands since have found
// it.
type health struct {
	log *slog.Logger

	mu      sync.Mutex
	up      bool
	since   time.Time
	changed chan struct{} // closed when up changes
	down    string        // why it is down
	writes  string        // why the store cannot be written although it is up
	twin    string        // a remark about another process with the same name
	offset  time.Duration // of the store's clock
	ignored uint64
	other   uint64
	failed  uint64
	warned  time.Time // when ignored values were last logged
}

func (h *health) state() (up bool, changed <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.up, h.changed
}

func (h *health) clockOffset() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.offset
}

func (h *health) report() Report {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := Report{Up: h.up, Since: h.since, Ignored: h.ignored, Versions: h.other, Failures: h.failed}
	switch {
	case !h.up:
		r.Problem = "the store cannot be used; this instance goes on alone, with its own counts: " + h.down
		if h.down == "" {
			r.Problem = "not connected yet"
		}
	case h.writes != "":
		r.Problem = "the store cannot be written; the instances no longer share new counts: " + h.writes
	case h.twin != "":
		r.Problem = h.twin
	}
	return r
}

// set changes whether the store is up, and logs it.
func (h *health) set(up bool, why error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if why != nil {
		h.down = short(why)
	}
	if h.up == up && !h.since.IsZero() {
		return
	}
	h.up, h.since = up, time.Now()
	close(h.changed)
	h.changed = make(chan struct{})
	if up {
		h.log.Info("cluster: the store answers; this instance shares its state")
	} else {
		h.log.Error("cluster: the store cannot be used; this instance goes on alone, with its own counts", "error", h.down)
	}
}

// setWrites records whether the store can be written, and logs a change.
func (h *health) setWrites(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before := h.writes
	h.writes = ""
	if err != nil {
		h.writes = short(err)
	}
	switch {
	case h.writes != "" && before == "":
		h.log.Error("cluster: the store cannot be written; the instances no longer share new counts", "error", h.writes)
	case h.writes == "" && before != "":
		h.log.Info("cluster: the store can be written again")
	}
}

func (h *health) setTwin(text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if text != "" && h.twin == "" {
		h.log.Warn("cluster: "+text, "remedy", "give each instance a name of its own with cluster.instance")
	}
	h.twin = text
}

func (h *health) setOffset(offset time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.offset = offset
}

func (h *health) countFailure() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failed++
}

// warnTime is the least time between two warnings about ignored values.
const warnTime = 10 * time.Minute

// ignore counts a value that cannot be used, and logs it now and then.
func (h *health) ignore(n Name, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if errors.Is(err, errVersions) {
		h.other++
		return
	}
	h.ignored++
	if now := time.Now(); now.Sub(h.warned) >= warnTime {
		h.warned = now
		h.log.Warn("cluster: a value in the store is ignored: "+err.Error(), "kind", n.Kind, "ignored", h.ignored,
			"remedy", "check that all instances have the same cluster.key_file, and that no other program uses cluster.prefix")
	}
}

// short cuts the text of an error, which may hold text of the store.
func short(err error) string {
	const most = 300
	text := err.Error()
	if len(text) > most {
		text = text[:most] + "…"
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// failed judges the error of a command. After an error of the connection, and after a
// reply by which the server cannot be used, the store counts as down until
// a check has succeeded. A reply that refuses a single command does not count.
func (s *Store) failed(err error) {
	s.health.countFailure()
	reply, refused := errors.AsType[redis.Error](err)
	switch {
	case errors.Is(err, errConflict), errors.Is(err, errTooLong), errors.Is(err, ErrLost), errors.Is(err, ErrNewer), errors.Is(err, redis.ErrNil):
	case refused && (isPrefix(reply, "OOM") || isPrefix(reply, "NOREPLICAS") || isPrefix(reply, "MISCONF")):
		s.health.setWrites(err)
	case refused && isPrefix(reply, "WRONGTYPE"):
	default:
		s.health.set(false, err)
		select {
		case s.asked <- struct{}{}:
		default:
		}
	}
}

func isPrefix(reply redis.Error, word string) bool {
	return strings.HasPrefix(string(reply), word)
}

// check asks the store for its time and writes the mark of this instance. It decides
// whether the store is up: if the connection works, and each reply comes as quickly as
// sessions need it.
func (s *Store) check() {
	err := s.try(s.life, func(ctx context.Context, conn redis.Conn) error {
		if err := s.readClock(ctx, conn); err != nil {
			return err
		}
		return s.announce(ctx, conn)
	})
	if s.life.Err() != nil {
		return
	}
	reply, refused := errors.AsType[redis.Error](err)
	if refused && (isPrefix(reply, "OOM") || isPrefix(reply, "NOREPLICAS") || isPrefix(reply, "MISCONF")) {
		s.health.setWrites(err)
		err = nil
	} else if err == nil {
		s.health.setWrites(nil)
	}
	if err != nil {
		s.health.countFailure()
	}
	if err != nil && !errors.Is(err, errLate) {
		s.dialer.forget()
		s.reset()
	}
	s.health.set(err == nil, err)
}

var errSlow = errors.New("its replies take longer than a session waits for them (50 ms)")

// readClock reads the store's clock, and fails if the reply takes too long.
func (s *Store) readClock(ctx context.Context, conn redis.Conn) error {
	asked := time.Now()
	parts, err := redis.Int64s(redis.DoContext(conn, ctx, "TIME"))
	if err != nil {
		return err
	}
	took := time.Since(asked)
	if took > s.o.SessionTime {
		return errSlow
	}
	if len(parts) != 2 {
		return errReply
	}
	at := time.Unix(parts[0], parts[1]*int64(time.Microsecond))
	s.health.setOffset(at.Sub(asked.Add(took / 2)))
	return nil
}

// mark is the value that an instance writes under its name.
type mark struct {
	ID      string `json:"id"` // of the process
	Version string `json:"version"`
}

// markTime is how long a mark stays in the store, several times longer than the time
// between two checks.
const markTime = 15 * time.Second

// announce writes the mark of this instance. A mark of another process means that two
// processes have the same name. For a short time that is so while a process is replaced.
func (s *Store) announce(ctx context.Context, conn redis.Conn) error {
	name := Name{"instance", s.o.Instance}
	value, err := s.read(ctx, conn, name)
	if err != nil || s.retired.Load() {
		return err
	}
	var last mark
	if value != nil && json.Unmarshal(value, &last) == nil && last.ID != "" && last.ID != s.id {
		s.others++
	} else {
		s.others = 0
	}
	switch {
	case s.others >= manyOthers:
		s.health.setTwin("another process has the name of this instance, " + s.o.Instance)
	case s.others == 0:
		s.health.setTwin("")
	}
	text, err := json.Marshal(mark{s.id, s.o.Version})
	if err != nil {
		return err
	}
	return s.write(ctx, conn, name, text, markTime)
}

// manyOthers is the number of checks, one after the other, that have found the mark of
// another process, from which on it is not a process that was replaced.
const manyOthers = 5
