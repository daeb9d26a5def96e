package importer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxFile bounds a file, in bytes.
const MaxFile = 1 << 20

const (
	maxSettings = 5000 // of all files
	maxDepth    = 20   // of blocks in blocks
)

// Errors of what cannot be imported.
var (
	ErrUnknown   = errors.New("the format is unknown; name it with --from " + strings.Join(FormatNames(), ", "))
	ErrNoService = errors.New("it has no mail service to import")
	ErrNoBackend = errors.New("it names no backend")
)

// File is a file to import.
type File struct {
	Name string
	Text []byte
}

// Options complete what the files do not say.
type Options struct {
	From       Format   // empty: recognized by the contents
	Hostname   string   // the proxy's name, in place of what the files say
	Machine    string   // the machine's name, to guess the recipients by if nothing else is known
	Backend    string   // the host of the mail server, in place of what the files name
	Recipients []string // the domains that mail is received for, in place of what the files name
	Routes     string   // the file that a table of users is written to
	KeepWeak   bool     // accept the old versions and cipher suites that the files accept
}

// Import holds the contents of the files.
type Import struct {
	From   Format
	Notes  []Note // by file and line
	Routes string // the contents of Options.Routes; empty: there is no table of users

	hostname string
	limits   []value // limits and timeouts
	services []*service
	lookups  []lookup
	options  Options
}

// value is a key of the configuration.
type value struct{ key, text string }

// Read reads the files, which are of one format. An error names the file and the
// line.
func Read(files []File, o Options) (*Import, error) {
	for _, f := range files {
		if err := check(f); err != nil {
			return nil, err
		}
	}
	format := o.From
	if format == "" {
		var err error
		if format, err = recognize(files); err != nil {
			return nil, err
		}
	}
	r := &reader{Options: o, result: &Import{From: format, hostname: o.Hostname, options: o}}
	if err := format.read(r, files); err != nil {
		return nil, err
	}
	return r.finish(files)
}

// check refuses files that are too large, and files that are not text.
func check(f File) error {
	if len(f.Text) > MaxFile {
		return fmt.Errorf("%s: the file is larger than 1 MiB", f.Name)
	}
	for number, line := range lines(f.Text) {
		odd := func(c rune) bool { return unicode.IsControl(c) && c != '\t' }
		if !utf8.ValidString(line) || strings.ContainsFunc(line, odd) {
			return fmt.Errorf("%s:%d: the line is not UTF-8 text", f.Name, number)
		}
	}
	return nil
}

// reader collects what the files of one format hold.
type reader struct {
	Options
	result   *Import
	roots    []*setting // all that was read
	settings int
	reasons  map[string]string // why a setting of that name is not carried over
}

// add adds a setting to its block, within the bounds on all of them.
func (r *reader) add(block, s *setting, depth int) error {
	if r.settings++; r.settings > maxSettings {
		return s.wrong("there are more than %d settings", maxSettings)
	}
	if depth > maxDepth {
		return s.wrong("there are more than %d blocks in each other", maxDepth)
	}
	s.key = strings.ToLower(s.name)
	block.body = append(block.body, s)
	return nil
}

// root returns the setting that holds all settings of a file.
func (r *reader) root(f File) *setting {
	s := &setting{file: f.Name, used: true}
	r.roots = append(r.roots, s)
	return s
}

// finish completes the services, and reports what was not used.
func (r *reader) finish(files []File) (*Import, error) {
	i := r.result
	r.join()
	if len(i.services) == 0 {
		return nil, fmt.Errorf("%s: %w%s", names(files), ErrNoService, r.firstReason())
	}
	for _, s := range i.services {
		if err := r.complete(s); err != nil {
			return nil, err
		}
	}
	for _, root := range r.roots {
		r.unused(root)
	}
	slices.SortStableFunc(i.Notes, Note.compare)
	i.Notes = slices.CompactFunc(i.Notes, func(a, b Note) bool { return a == b })
	return i, nil
}

// firstReason returns why the services in the files are not imported.
func (r *reader) firstReason() string {
	if len(r.result.Notes) == 0 {
		return ""
	}
	return "; " + r.result.Notes[0].String()
}

func names(files []File) string {
	all := make([]string, len(files))
	for i, f := range files {
		all[i] = f.Name
	}
	return strings.Join(all, ", ")
}
