package sts

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/letterlock/letterlock/internal/statefile"
	"github.com/letterlock/letterlock/tlspolicy/mtasts"
)

// disk is a folder with a file for each domain that has a policy: a line with
// its ID, one with the time at which it expires, and its text.
type disk string

// path returns the file of a domain. The name of the domain is valid in DNS and has no
// slash; with the suffix it cannot be "." or "..".
func (d disk) path(domain string) (string, bool) {
	if domain == "" || len(domain) > 253 || strings.ContainsAny(domain, "/\\\x00") {
		return "", false
	}
	return filepath.Join(string(d), domain+".sts"), true
}

func (d disk) read(domain string) entry {
	path, legal := d.path(domain)
	if !legal {
		return entry{}
	}
	data, err := statefile.Read(path, mtasts.MaxText+1024)
	if err != nil {
		return entry{}
	}
	id, rest, _ := strings.Cut(string(data), "\n")
	when, text, _ := strings.Cut(rest, "\n")
	expires, err := time.Parse(time.RFC3339, when)
	if err != nil {
		return entry{}
	}
	policy, err := mtasts.Parse(text)
	if err != nil {
		return entry{}
	}
	return entry{id: id, policy: policy, text: text, expires: expires}
}

// write replaces the policy of a domain.
func (d disk) write(domain string, e entry) error {
	path, legal := d.path(domain)
	if !legal {
		return fmt.Errorf("%q is not a name of a file", domain)
	}
	d.prune()
	return statefile.Replace(path, fmt.Appendf(nil, "%s\n%s\n%s", e.id, e.expires.UTC().Format(time.RFC3339), e.text))
}

// prune removes the oldest file if there are too many.
func (d disk) prune() {
	files, err := os.ReadDir(string(d))
	if err != nil || len(files) < maxKnown {
		return
	}
	oldest, at := "", time.Now()
	for _, f := range files {
		if info, err := f.Info(); err == nil && info.ModTime().Before(at) {
			oldest, at = f.Name(), info.ModTime()
		}
	}
	if oldest != "" {
		_ = os.Remove(filepath.Join(string(d), oldest))
	}
}
