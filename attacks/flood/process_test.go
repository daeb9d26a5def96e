//go:build linux

package flood

import (
	"encoding/json"
	"io"
	"os"
	"time"
)

// job is the work of a hostile process, which reads it from its standard input.
type job struct {
	Kind      string // a kind, as its String
	Sessions  int
	Rate      int // sessions that begin in a second
	Open      int // the maximum of open sessions
	Hold      time.Duration
	Addresses map[string]string // addresses of the proxy's listeners
}

// report holds the counts of a hostile process, which writes them to its standard
// output.
type report struct {
	Begun   int
	Reached map[string]int // sessions that reached their step, by row
	Refused map[string]int
	Error   string // the last error of a session that did not reach its step
	Open    int    // the maximum of open sessions
}

// runJob is the main function of a hostile process.
func runJob(in io.Reader, out io.Writer) error {
	f := &flood{report: report{Reached: map[string]int{}, Refused: map[string]int{}}}
	if err := json.NewDecoder(in).Decode(&f.job); err != nil {
		return err
	}
	for _, k := range kinds {
		if k.String() == f.Kind {
			f.kind, f.rows = k, k.rows()
		}
	}
	f.half = hello()[:100]
	f.run()
	return json.NewEncoder(out).Encode(f.report)
}

// hostileProcess runs the hostile process, if this process is one, and reports
// that.
func hostileProcess() bool {
	switch os.Getenv(asHostile) {
	case "clients":
		if err := runJob(os.Stdin, os.Stdout); err != nil {
			panic(err)
		}
	case "servers":
		serveHostile(os.Stdin, os.Stdout)
	default:
		return false
	}
	return true
}

// asHostile is the environment variable that makes the test program a hostile
// process.
const asHostile = "RUN_AS_HOSTILE"
