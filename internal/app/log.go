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

// NewLog creates the log of a configuration. closeLog writes the remaining
// lines.
//
// By default a write to a pipe without a reader ends a Unix process by SIGPIPE.
// NewLog ignores the signal: the proxy must lose lines, not sessions.
func NewLog(w io.Writer, l configs.Log) (log *slog.Logger, closeLog func()) {
	signal.Ignore(syscall.SIGPIPE)
	written := loghandler.New(w, logOptions(l))
	return slog.New(written), func() { written.Close(lastLines) }
}

// lastLines is the maximum wait for the reader of the log at the end of the
// program.
const lastLines = 2 * time.Second

// changeLog applies another configuration to a log of NewLog.
func changeLog(log *slog.Logger, l configs.Log) {
	if written, ok := log.Handler().(*loghandler.Handler); ok {
		written.Configure(logOptions(l))
	}
}

// logCounts returns the counts of lines that a log of NewLog has omitted.
func logCounts(log *slog.Logger) func() loghandler.Counts {
	if written, ok := log.Handler().(*loghandler.Handler); ok {
		return written.Counts
	}
	return nil
}

func logOptions(l configs.Log) loghandler.Options {
	var level slog.Level
	_ = level.UnmarshalText([]byte(l.Level)) // checked when the configuration was loaded
	journal := isJournal(os.Stderr, os.Getenv("JOURNAL_STREAM"))
	return loghandler.Options{
		Format: l.Format, Level: level, Header: l.Header == "always" || l.Header == "auto" && !journal, Priority: journal,
		MaxValue: l.MaxValue, Rates: loghandler.Rates{Client: l.RatePerClient, Network: l.RatePerNetwork, Total: l.Rate},
	}
}
