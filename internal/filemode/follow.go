package filemode

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

var (
	errLoop     = errors.New("too many symbolic links")
	errNoModes  = errors.New("this system has no mode bits")
	errNoFolder = errors.New("not a folder")
)

// maxLinks is the number of symbolic links that the kernel follows
// (path_resolution(7)).
const maxLinks = 40

// follow resolves a path as the kernel does, link by link, and returns the file
// at its end. No folder on the way may be writable for others: a user who may
// write to a folder can replace the next step by another file or link, unless
// the sticky bit prevents it.
func follow(path string) (real string, open []Finding, err error) {
	if !meaningful() {
		return "", nil, errNoModes
	}
	if path, err = filepath.Abs(path); err != nil {
		return "", nil, err
	}
	at, rest, links := "/", steps(path), 0
	for len(rest) > 0 {
		finding, err := folder(at)
		if err != nil {
			return "", nil, err
		}
		open = append(open, finding...)
		if rest[0] == ".." {
			at, rest = filepath.Dir(at), rest[1:]
			continue
		}
		next := filepath.Join(at, rest[0])
		info, err := os.Lstat(next)
		if err != nil {
			return "", nil, err
		}
		rest = rest[1:]
		if info.Mode()&fs.ModeSymlink == 0 {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return "", nil, errLoop
		}
		target, err := os.Readlink(next)
		if err != nil {
			return "", nil, err
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = append(steps(target), rest...)
	}
	return at, unique(open), nil
}

// steps returns the names in a path.
func steps(path string) []string {
	var names []string
	for name := range strings.SplitSeq(path, "/") {
		if name != "" && name != "." {
			names = append(names, name)
		}
	}
	return names
}

// folder checks a folder on the way.
func folder(path string) ([]Finding, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, errNoFolder
	}
	if info.Mode()&othersWrite == 0 || info.Mode()&fs.ModeSticky != 0 {
		return nil, nil
	}
	return []Finding{{
		Text:   fmt.Sprintf("every user of this machine may replace what is in the folder %s (mode %s)", path, octal(info.Mode())),
		Remedy: "chmod o-w " + quote(path),
	}}, nil
}

// unique removes repeated findings: a path may lead through a folder twice.
func unique(all []Finding) []Finding {
	var kept []Finding
	seen := map[Finding]bool{}
	for _, f := range all {
		if !seen[f] {
			seen[f] = true
			kept = append(kept, f)
		}
	}
	return kept
}
