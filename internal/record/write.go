package record

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/tlspolicy"
)

// about describes a session in its files.
type about struct {
	begun, ended string
	handover     gate.Handover
}

// aboutOf describes a session that has just begun.
func aboutOf(s *observe.Session) about {
	return about{
		begun:    fmt.Sprintf("Session %s: %s, from %s on %s.", s.ID, s.Listener, s.Client, s.Opened.UTC().Format(time.RFC3339)),
		handover: s.Listener.Handover,
	}
}

// close ends the conversation of a session that has ended.
func (c *Conversation) close(s *observe.Session, end observe.Summary) {
	c.finish(true)
	c.mu.Lock()
	defer c.mu.Unlock()
	encryption := "no TLS"
	if s.TLS != nil {
		encryption = tlspolicy.Describe(s.TLS)
	}
	cause := ""
	if end.Err != nil {
		cause = fmt.Sprintf(" (%v)", end.Err)
	}
	c.about.ended = fmt.Sprintf("User %q, %s, policy %s, backend %s. It ended as %s%s.", s.User, encryption, s.Policy, s.Backend, end.Reason, cause)
}

// want keeps the conversation, because its session is to be recorded.
func (c *Conversation) want(more int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wanted = true
	c.left += more
}

func (c *Conversation) isWanted() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wanted
}

// write writes the two files of a session. If that fails, because the disk is full for
// instance, the caller ends the recording, and the sessions go on.
func (r *Recorder) write(c *recording, kept *Conversation, id string) error {
	f := Facts{
		ID: id, Hostname: r.Hostname(), Texts: c.Texts, Handover: handovers[kept.about.handover],
		About: []string{kept.about.begun},
	}
	if kept.about.ended != "" {
		f.About = append(f.About, kept.about.ended)
	}
	dialog, text := kept.Dialog(f)
	kept.discard()
	for _, file := range []struct{ suffix, content string }{{".dialog", dialog}, {".txt", text}} {
		path := filepath.Join(c.Folder, id+file.suffix)
		if err := writeFile(path, file.content); err != nil {
			return err
		}
		c.mu.Lock()
		c.files = append(c.files, path)
		c.mu.Unlock()
		r.Log.Warn("a session was recorded", "session", id, "file", path)
	}
	return nil
}

// handovers are the names of the handovers in dialogs.
var handovers = map[gate.Handover]string{gate.XCLIENT: "xclient", gate.XFORWARD: "xforward", gate.IMAPID: "imap-id", gate.PROXYHeader: "proxy"}

// createFolder creates the folder of the files, for the user of the proxy alone.
func createFolder(path string) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("the folder %q must be an absolute path", path)
	}
	return os.MkdirAll(path, 0o700)
}

// writeFile creates a file, with all of the text or not at all.
func writeFile(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}
