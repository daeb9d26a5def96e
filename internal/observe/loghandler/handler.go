package loghandler

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Options configure a Handler. All numbers must be set.
type Options struct {
	Format string // text, json or postfix
	Level  slog.Level
	Header bool // format postfix: begin each line with the header of syslog

	// Priority begins each line with the priority of its level, such as <3> for
	// an error, which systemd's journal reads from the line (sd-daemon(3)).
	Priority bool

	MaxValue int // bytes of a value as written; see Whole and Long
	Rates    Rates
}

// Handler is the slog.Handler of the whole program. Its methods may be called
// from any goroutine, and only Flush and Close wait for the writer.
type Handler struct {
	queue   *queue
	limiter *limiter
	leftOut atomic.Uint64

	now atomic.Pointer[format]

	mu           sync.Mutex // guards the following fields, and the order of the lines
	summary      time.Time  // when the number of omitted lines was last logged
	leftOutSince int        // lines omitted since then
}

// format is the formatter for Options. It formats one line at a time.
type format struct {
	slog.Handler
	line     bytes.Buffer // the output of Handler
	value    int
	priority bool
	options  Options
}

// New returns a Handler that writes to w from its own goroutine, until Close.
func New(w io.Writer, o Options) *Handler {
	l := &Handler{limiter: newLimiter(), summary: time.Now()}
	l.Configure(o)
	l.queue = newQueue(w, l.loss)
	return l
}

// Configure changes how later lines are written.
func (l *Handler) Configure(o Options) {
	next := &format{value: o.MaxValue, priority: o.Priority, options: o}
	options := &slog.HandlerOptions{Level: o.Level}
	switch o.Format {
	case "json":
		next.Handler = slog.NewJSONHandler(&next.line, options)
	case "postfix":
		next.Handler = newPostfix(&next.line, o.Level, o.Header)
	default:
		next.Handler = slog.NewTextHandler(&next.line, options)
	}
	l.limiter.set(o.Rates)
	l.now.Store(next)
}

// Level returns the least important level that is written.
func (l *Handler) Level() slog.Level { return l.now.Load().options.Level }

// SetLevel changes the least important level that is written, until the next
// Configure.
func (l *Handler) SetLevel(level slog.Level) {
	o := l.now.Load().options
	o.Level = level
	l.Configure(o)
}

// Enabled reports whether records of a level are written.
func (l *Handler) Enabled(ctx context.Context, level slog.Level) bool {
	return l.now.Load().Enabled(ctx, level)
}

// Handle writes a record, or counts it as omitted.
func (l *Handler) Handle(ctx context.Context, r slog.Record) error {
	c, now := causeOf(r), time.Now()
	leftOut, ok := l.limiter.open(c, now)
	if !ok { // before any work is done for the line
		l.mu.Lock()
		defer l.mu.Unlock()
		l.leaveOut()
		return nil
	}
	format := l.now.Load()
	r = cutter(format.value).record(r)
	if leftOut > 0 {
		r.AddAttrs(slog.Int("left_out", leftOut))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.summarise(ctx, now)
	line, err := format.write(ctx, r)
	if err != nil {
		return err
	}
	if !l.limiter.charge(c, len(line), leftOut, now) {
		l.leaveOut()
		return nil
	}
	l.queue.put(line)
	return nil
}

// leaveOut counts an omitted line.
func (l *Handler) leaveOut() {
	l.leftOut.Add(1)
	l.leftOutSince++
}

// summaryTime is the time between two lines with the number of omitted lines.
const summaryTime = time.Minute

// summarise logs how many lines were omitted, if summaryTime has passed.
// Without it, the omitted lines of a network that does not return would not be
// reported.
func (l *Handler) summarise(ctx context.Context, now time.Time) {
	format := l.now.Load()
	if l.leftOutSince == 0 || now.Sub(l.summary) < summaryTime || !format.Enabled(ctx, slog.LevelInfo) {
		return
	}
	r := slog.NewRecord(now, slog.LevelInfo, "log lines were left out", 0)
	r.AddAttrs(slog.Int("lines", l.leftOutSince), slog.Duration("within", now.Sub(l.summary).Round(time.Second)))
	if line, err := format.write(ctx, r); err == nil {
		l.queue.put(line)
	}
	l.leftOutSince, l.summary = 0, now
}

// loss returns the line about lines that could not be written.
func (l *Handler) loss(lines int, cause error) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	format := l.now.Load()
	r := slog.NewRecord(time.Now(), slog.LevelError, "log lines were lost", 0)
	r.AddAttrs(slog.Int("lines", lines), slog.Any("error", cause))
	line, _ := format.write(context.Background(), cutter(format.value).record(r))
	return bytes.Clone(line)
}

// write formats a record; the line is valid until the next call.
func (f *format) write(ctx context.Context, r slog.Record) ([]byte, error) {
	f.line.Reset()
	if f.priority {
		f.line.WriteString(priority(r.Level))
	}
	err := f.Handle(ctx, r)
	return f.line.Bytes(), err
}

// priority returns the prefix for a level, with the numbers of syslog(3).
func priority(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "<3>"
	case l >= slog.LevelWarn:
		return "<4>"
	case l >= slog.LevelInfo:
		return "<6>"
	}
	return "<7>"
}

// Counts are the numbers of lines since the start that are not in the log.
type Counts struct {
	LeftOut uint64 // because a network's or all clients' rate was used up
	Failed  uint64 // because writing has failed
	Blocked uint64 // because the reader of the log did not read
}

// Counts returns the numbers of lines that are missing in the log.
func (l *Handler) Counts() Counts {
	return Counts{LeftOut: l.leftOut.Load(), Failed: l.queue.failed.Load(), Blocked: l.queue.blocked.Load()}
}

// Flush waits until all lines are written, at most patience.
func (l *Handler) Flush(patience time.Duration) { l.queue.flush(patience) }

// Close writes the waiting lines, and waits at most patience. Later lines are
// lost.
func (l *Handler) Close(patience time.Duration) {
	l.queue.flush(patience)
	l.queue.close()
}

// WithAttrs returns a handler that adds attributes to each record.
func (l *Handler) WithAttrs(attrs []slog.Attr) slog.Handler { return branch{log: l}.WithAttrs(attrs) }

// WithGroup returns a handler that puts all attributes into a group.
func (l *Handler) WithGroup(name string) slog.Handler { return branch{log: l}.WithGroup(name) }
