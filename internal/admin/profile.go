package admin

import (
	"fmt"
	"net/http"
	"runtime/pprof"
	"strconv"
	"time"
)

// The time for which the CPU is profiled.
const (
	defaultProfile = 10 * time.Second
	longestProfile = 5 * time.Minute
)

// profile serves a profile of the process in the format of pprof: cpu, or one of
// package runtime/pprof, such as heap or goroutine.
func (o Options) profile(w http.ResponseWriter, r *http.Request) {
	parameters, ok := parametersOf(w, r, "name", "seconds")
	switch {
	case !ok:
		return
	case !o.Profile:
		fail(w, http.StatusForbidden, "profiles are off: set admin: {profile: true} in the configuration")
		return
	}
	name := parameters.Get("name")
	if name == "cpu" {
		o.cpuProfile(w, r, parameters.Get("seconds"))
		return
	}
	found := pprof.Lookup(name)
	if found == nil {
		fail(w, http.StatusNotFound, "there is no profile %q", name)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_ = found.WriteTo(w, 0)
}

func (o Options) cpuProfile(w http.ResponseWriter, r *http.Request, seconds string) {
	length, err := profileTime(seconds)
	if err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
		return
	}
	// The server's own time for an answer is shorter.
	if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(length + defaultProfile)); err != nil {
		fail(w, http.StatusInternalServerError, "%v", err)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	if err := pprof.StartCPUProfile(w); err != nil { // one is running: another administrator's
		fail(w, http.StatusConflict, "%v", err)
		return
	}
	defer pprof.StopCPUProfile()
	wait := time.NewTimer(length)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-r.Context().Done():
	}
}

func profileTime(seconds string) (time.Duration, error) {
	if seconds == "" {
		return defaultProfile, nil
	}
	n, err := strconv.Atoi(seconds)
	if length := time.Duration(n) * time.Second; err == nil && length > 0 && length <= longestProfile {
		return length, nil
	}
	return 0, fmt.Errorf("seconds %q: write a number from 1 to %d", seconds, int(longestProfile.Seconds()))
}
