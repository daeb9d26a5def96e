package admin

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/letterlock/letterlock/internal/record"
)

func (o Options) recording(w http.ResponseWriter, r *http.Request) {
	if _, ok := parametersOf(w, r); ok {
		reply(w, recordingOf(o.Proxy.Recording()))
	}
}

func recordingOf(s record.State) Recording {
	r := Recording{
		Running: s.Running, User: s.User, ID: s.ID, Left: s.Left, Until: s.Until.UTC(), Texts: s.Texts, Folder: s.Folder,
		Files: append([]string{}, s.Files...),
	}
	if s.Client.IsValid() {
		r.Client = s.Client.String()
	}
	if s.Err != nil {
		r.Error = s.Err.Error()
	}
	return r
}

func (o Options) stopRecording(w http.ResponseWriter, r *http.Request) {
	if _, ok := parametersOf(w, r); ok {
		o.Proxy.StopRecording()
		reply(w, recordingOf(o.Proxy.Recording()))
	}
}

func (o Options) record(w http.ResponseWriter, r *http.Request) {
	parameters, ok := parametersOf(w, r, "user", "client", "id", "sessions", "bytes", "seconds", "texts", "folder")
	if !ok {
		return
	}
	order, err := orderOf(parameters)
	if err == nil {
		err = o.Proxy.Record(order)
	}
	switch {
	case errors.Is(err, record.ErrRunning):
		fail(w, http.StatusConflict, "%v", err)
	case err != nil:
		fail(w, http.StatusBadRequest, "%v", err)
	default:
		reply(w, recordingOf(o.Proxy.Recording()))
	}
}

// The defaults of a recording.
const (
	defaultSessions = 1
	defaultBytes    = 1 << 20
	defaultSeconds  = 600
)

// orderOf reads what is to be recorded from the parameters of a request.
func orderOf(v url.Values) (o record.Order, err error) {
	o = record.Order{User: v.Get("user"), ID: v.Get("id"), Folder: v.Get("folder"), Sessions: defaultSessions, Bytes: defaultBytes}
	if text := v.Get("client"); text != "" {
		if o.Client, err = parseClient(text); err != nil {
			return o, err
		}
	}
	seconds := defaultSeconds
	for name, into := range map[string]*int{"sessions": &o.Sessions, "bytes": &o.Bytes, "seconds": &seconds} {
		if text := v.Get(name); text != "" {
			if *into, err = strconv.Atoi(text); err != nil {
				return o, fmt.Errorf("%s %q is not a number", name, text)
			}
		}
	}
	if text := v.Get("texts"); text != "" {
		if o.Texts, err = strconv.ParseBool(text); err != nil {
			return o, fmt.Errorf("texts %q: write true or false", text)
		}
	}
	seconds = max(-1, min(seconds, int(record.MaxTime/time.Second)+1)) // Start refuses both
	o.Time = time.Duration(seconds) * time.Second
	return o, nil
}
