package app

import (
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/observe/loghandler"
)

// NewLog makes the log that the configuration asks for, and what closes it.
//
// A process dies of the first line that it writes to a pipe whose reader has
// gone, as the Unix convention is for filters. The proxy loses lines instead of
// sessions.
func NewLog(w io.Writer, l configs.Log) (log *slog.Logger, closeLog func()) {
	signal.Ignore(syscall.SIGPIPE)
	written := loghandler.New(w, logOptions(l))
	return slog.New(written), func() { written.Close(lastLines) }
}

// lastLines is how long the end of the program waits for the reader of its log.
const lastLines = 2 * time.Second

// changeLog lets a log that NewLog has made go on as another configuration asks.
func changeLog(log *slog.Logger, l configs.Log) {
	if written, ok := log.Handler().(*loghandler.Handler); ok {
		written.Configure(logOptions(l))
	}
}

// logCounts tells what a log of NewLog has left out.
func logCounts(log *slog.Logger) func() loghandler.Counts {
	if written, ok := log.Handler().(*loghandler.Handler); ok {
		return written.Counts
	}
	return nil
}

func logOptions(l configs.Log) loghandler.Options {
	var level slog.Level
	_ = level.UnmarshalText([]byte(l.Level)) // checked when the configuration was loaded
	return loghandler.Options{
		Format: l.Format, Level: level, Header: l.Header == "always" || l.Header == "auto" && !isJournal(os.Stderr, os.Getenv("JOURNAL_STREAM")),
		MaxValue: l.MaxValue, Rates: loghandler.Rates{Client: l.RatePerClient, Network: l.RatePerNetwork, Total: l.Rate},
	}
}
