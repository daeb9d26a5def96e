package page

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/letterlock/letterlock/internal/web"
)

// Bounds of the streams of events.
const (
	maxStreams  = 32
	streamTime  = 5 * time.Minute // then the browser opens another, and logs in again
	streamEvery = 2 * time.Second
	streamWait  = 10 * time.Second // for a client that does not read
)

// events sends the parts of the page when they change, as server-sent events. A
// message is a JSON object: the HTML of each changed part, by its id.
func (s *Status) events(p page, w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead {
		return
	}
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		http.Error(w, "too many pages are open", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	end, tick := time.NewTimer(streamTime), time.NewTicker(streamEvery)
	defer end.Stop()
	defer tick.Stop()
	for sent := map[string]string{}; ; {
		if err := s.sendChanges(p, w, r, sent); err != nil {
			return
		}
		select {
		case <-tick.C:
		case <-end.C:
			return
		case <-web.Ending(r.Context()):
			return
		case <-r.Context().Done():
			return
		}
	}
}

// sendChanges sends the parts that differ from those sent before.
func (s *Status) sendChanges(p page, w http.ResponseWriter, r *http.Request, sent map[string]string) error {
	v, err := s.viewFor(r)
	if err != nil {
		return err
	}
	changed := map[string]string{}
	for _, name := range parts {
		html, err := p.part(name, v)
		if err != nil {
			return err
		}
		if before, seen := sent[name]; !seen || before != html {
			changed[name], sent[name] = html, html
		}
	}
	text, err := json.Marshal(changed)
	if err != nil {
		return err
	}
	// The server's own times are for answers with an end.
	stream := http.NewResponseController(w)
	_ = stream.SetWriteDeadline(time.Now().Add(streamWait))
	_ = stream.SetReadDeadline(time.Now().Add(streamWait))
	if _, err := fmt.Fprintf(w, "data: %s\n\n", text); err != nil {
		return err
	}
	return stream.Flush()
}
