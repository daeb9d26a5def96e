package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// output is the destination of a command: standard output, or a file that must not
// exist yet unless force is set.
type output struct {
	file  string
	force bool
	mode  fs.FileMode // of the file; 0: 0644
}

func (o *output) flags(flags *flag.FlagSet, otherwise string) {
	flags.StringVar(&o.file, "output", otherwise, "write to this `FILE` (default "+cmp.Or(otherwise, "standard output")+")")
	flags.BoolVar(&o.force, "force", false, "replace a file that exists")
}

// name returns the name of the destination for messages.
func (o *output) name() string { return cmp.Or(o.file, "standard output") }

// free returns an error if the file exists and must be kept.
func (o *output) free() error {
	if _, err := os.Lstat(o.file); err == nil && !o.force {
		return fmt.Errorf("%s exists: --force replaces it", o.file)
	}
	return nil
}

// write writes a text. The file appears with all of the text or not at all. Without a
// mode it is readable by all users, because it holds no secrets and the service's user
// must read it.
func (o *output) write(ui *ui, text string) error {
	if o.file == "" {
		ui.printf("%s", text)
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(o.file), "."+filepath.Base(o.file)+"-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Chmod(cmp.Or(o.mode, 0o644)), f.Close()); err != nil {
		return err
	}
	if o.force {
		return os.Rename(f.Name(), o.file)
	}
	err = os.Link(f.Name(), o.file)
	if errors.Is(err, fs.ErrExist) {
		return o.free()
	}
	return err
}
