// Package filemode finds files that every user of the machine may read or
// change, and names the command that fixes them.
//
// It checks only the mode bits for others. It does not check the bits for the
// group: administrators share keys with a group on purpose, as with ssl-cert or
// an ACME client's deploy group. Nor does it check owners: a check may run as
// another user than the program.
package filemode

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Finding reports a mode that allows other users too much.
type Finding struct {
	Text   string
	Remedy string // a command
}

// The mode bits for other users.
const (
	othersRead  fs.FileMode = 0o004
	othersWrite fs.FileMode = 0o002
)

// Secret checks a file that other users must neither read nor change.
func Secret(path string) []Finding { return file(path, othersRead|othersWrite) }

// Trusted checks a file that other users may read, but must not change.
func Trusted(path string) []Finding { return file(path, othersWrite) }

// file follows path, and checks the file and the folders on the way. A file
// that cannot be examined has no finding: opening it reports the error.
func file(path string, forbidden fs.FileMode) []Finding {
	real, all, err := follow(path)
	if err != nil {
		return nil
	}
	if info, err := os.Lstat(real); err == nil && info.Mode().IsRegular() && info.Mode()&forbidden != 0 {
		all = append(all, tooOpen(real, info, forbidden))
	}
	return all
}

// Socket checks the folder of a Unix socket. The folder must not even be a
// shared one such as /tmp: while the server is down, any user could create a
// socket of the same name there, and receive passwords.
func Socket(path string) []Finding {
	real, all, err := follow(filepath.Dir(path))
	if err != nil {
		return nil
	}
	return append(all, ownFolder(real)...)
}

// Private checks a folder that belongs to the program, and all files in it.
func Private(path string) []Finding {
	real, all, err := follow(path)
	if err != nil {
		return nil
	}
	return append(append(all, ownFolder(real)...), contents(real)...)
}

// ownFolder checks a folder in which no other user may create files, not even
// with the sticky bit, which follow accepts on the way.
func ownFolder(path string) []Finding {
	if info, err := os.Lstat(path); err == nil && info.IsDir() && info.Mode()&othersWrite != 0 {
		return []Finding{{
			Text:   fmt.Sprintf("every user of this machine may make files in %s (mode %s)", path, octal(info.Mode())),
			Remedy: "chmod o-w " + quote(path),
		}}
	}
	return nil
}

// maxContents bounds the files of a folder that are checked.
const maxContents = 10_000

// contents sums up the findings in a folder.
func contents(folder string) []Finding {
	var first Finding
	found, seen := 0, 0
	_ = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if seen++; seen > maxContents {
			return fs.SkipAll
		}
		if err != nil || path == folder {
			return nil // other users probably cannot read it either
		}
		forbidden := othersRead | othersWrite
		if entry.IsDir() {
			forbidden = othersWrite
		}
		info, err := entry.Info()
		if err == nil && (entry.IsDir() || info.Mode().IsRegular()) && info.Mode()&forbidden != 0 {
			if found++; found == 1 {
				first = tooOpen(path, info, forbidden)
			}
		}
		return nil
	})
	switch {
	case found == 0:
		return nil
	case found > 1:
		first.Text += fmt.Sprintf(", and there are %d more such files in %s", found-1, folder)
		first.Remedy = "chmod -R o-rwx " + quote(folder)
	}
	return []Finding{first}
}

// tooOpen describes a mode with forbidden bits.
func tooOpen(path string, info fs.FileInfo, forbidden fs.FileMode) Finding {
	verb, bits := "read", "r"
	switch info.Mode() & forbidden {
	case othersWrite:
		verb, bits = "change", "w"
	case othersRead | othersWrite:
		verb, bits = "read and change", "rw"
	}
	return Finding{
		Text:   fmt.Sprintf("every user of this machine may %s %s (mode %s)", verb, path, octal(info.Mode())),
		Remedy: "chmod o-" + bits + " " + quote(path),
	}
}

// octal formats a mode as chmod accepts it.
func octal(mode fs.FileMode) string {
	bits := uint32(mode.Perm())
	if mode&fs.ModeSticky != 0 {
		bits |= 0o1000
	}
	return fmt.Sprintf("%04o", bits)
}

// quote makes a path a single word for a shell.
func quote(path string) string {
	plain := func(r rune) bool {
		return strings.ContainsRune("/._-+@%:,", r) || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	}
	if strings.IndexFunc(path, func(r rune) bool { return !plain(r) }) < 0 {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// meaningful reports whether the system has mode bits.
func meaningful() bool { return runtime.GOOS != "windows" }
