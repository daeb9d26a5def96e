package sieved

import (
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// The maximum content.
const (
	maxScript  = 64 << 10 // bytes
	maxScripts = 16
	maxName    = 512 // bytes: 128 characters of UTF-8 (RFC 5804 §1.6)
)

// refusal is an error with a response code (RFC 5804 §1.3).
type refusal struct{ code, text string }

func (r refusal) Error() string { return r.text }

var (
	errNonexistent = refusal{"NONEXISTENT", "there is no such script"}
	errExists      = refusal{"ALREADYEXISTS", "there is a script of that name"}
	errActive      = refusal{"ACTIVE", "the active script cannot be deleted"}
	errTooLong     = refusal{"QUOTA/MAXSIZE", "the script is too long"}
	errTooMany     = refusal{"QUOTA/MAXSCRIPTS", "there are too many scripts"}
	errName        = refusal{"", "a script cannot have that name"}
)

// scripts holds the scripts in the order of their arrival. The zero value is
// empty and ready to use; it is safe for concurrent use.
type scripts struct {
	mu  sync.Mutex
	all []script
}

type script struct {
	name, text string
	active     bool // at most one script is
}

// find returns the index of a script, or -1. It is called with mu held.
func (s *scripts) find(name string) int {
	return slices.IndexFunc(s.all, func(one script) bool { return one.name == name })
}

// room returns an error if a script of n bytes cannot be stored.
func (s *scripts) room(name string, size int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.roomLocked(name, size)
}

// roomLocked is room, called with mu held. Replacing a script needs no
// additional slot.
func (s *scripts) roomLocked(name string, size int64) error {
	switch {
	case !validName(name):
		return errName
	case size > maxScript:
		return errTooLong
	case s.find(name) < 0 && len(s.all) == maxScripts:
		return errTooMany
	}
	return nil
}

// put adds a script or replaces one, which stays active if it was.
func (s *scripts) put(name, text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.roomLocked(name, int64(len(text))); err != nil {
		return err
	}
	if i := s.find(name); i >= 0 {
		s.all[i].text = text
		return nil
	}
	s.all = append(s.all, script{name: name, text: text})
	return nil
}

// get returns a script's text.
func (s *scripts) get(name string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.find(name)
	if i < 0 {
		return "", errNonexistent
	}
	return s.all[i].text, nil
}

// list returns all scripts, as they are now.
func (s *scripts) list() []script {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.all)
}

// activate activates one script; with the empty name no script is active.
func (s *scripts) activate(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if name != "" && s.find(name) < 0 {
		return errNonexistent
	}
	for i := range s.all {
		s.all[i].active = s.all[i].name == name
	}
	return nil
}

// remove deletes a script; the active one must be deactivated first
// (RFC 5804 §2.10).
func (s *scripts) remove(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.find(name)
	switch {
	case i < 0:
		return errNonexistent
	case s.all[i].active:
		return errActive
	}
	s.all = slices.Delete(s.all, i, i+1)
	return nil
}

// rename keeps the script's position and whether it is active (RFC 5804 §2.11).
func (s *scripts) rename(name, newName string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.find(name)
	switch {
	case i < 0:
		return errNonexistent
	case !validName(newName):
		return errName
	case s.find(newName) >= 0:
		return errExists
	}
	s.all[i].name = newName
	return nil
}

// validName checks a name (RFC 5804 §1.6).
func validName(name string) bool {
	return name != "" && len(name) <= maxName && utf8.ValidString(name) &&
		!strings.ContainsFunc(name, func(r rune) bool {
			return unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
		})
}
