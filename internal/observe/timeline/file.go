package timeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/letterlock/letterlock/internal/statefile"
)

// state is the content of a file. A file of another version is not read.
type state struct {
	Version int      `json:"version"`
	Spans   [][]part `json:"spans"`
}

const (
	fileVersion = 1
	maxFile     = 1 << 20 // bytes; a full file has a tenth
)

var errVersion = errors.New("the format is of another version")

// MarshalJSON returns the counts, for the process that replaces this one.
func (t *Timeline) MarshalJSON() ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := state{Version: fileVersion}
	for _, r := range t.rings {
		used := []part{}
		for _, p := range r.parts {
			if p.Counts != (Counts{}) {
				used = append(used, p)
			}
		}
		s.Spans = append(s.Spans, used)
	}
	return json.Marshal(s)
}

// Restore adopts counts of MarshalJSON. It leaves out parts that are older than their
// span, or that this machine's clock cannot have produced.
func (t *Timeline) Restore(text []byte, now time.Time) error {
	t.changed.Store(true)
	return t.restore(text, now)
}

func (t *Timeline) restore(text []byte, now time.Time) error {
	var s state
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	if s.Version != fileVersion {
		return fmt.Errorf("%w: %d", errVersion, s.Version)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, r := range t.rings[:min(len(t.rings), len(s.Spans))] {
		oldest := now.Unix() - r.step*int64(len(r.parts))
		for _, p := range s.Spans[i] {
			if p.Start > oldest && p.Start <= now.Unix() && p.Start >= 0 && p.Start%r.step == 0 {
				*r.place(p.Start) = p
			}
		}
	}
	return nil
}

// Load reads a file of Save. A missing file is not an error.
func (t *Timeline) Load(file string, now time.Time) error {
	text, err := statefile.Read(file, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := t.restore(text, now); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// Save replaces a file, if something has changed since the last Save.
func (t *Timeline) Save(file string) error {
	if !t.changed.Swap(false) {
		return nil
	}
	text, err := t.MarshalJSON()
	if err == nil {
		err = statefile.Replace(file, text)
	}
	if err != nil {
		t.changed.Store(true)
	}
	return err
}
