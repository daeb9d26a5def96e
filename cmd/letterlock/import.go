package main

import (
	"flag"
	"io"
	"os"
	"strings"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/importer"
)

// importCall holds the flags and the files of one call of import.
type importCall struct {
	options importer.Options
	files   []string
	output  output
	routes  output
}

// importCommand converts the configuration of another program.
func importCommand(ui *ui, args []string) error {
	call, err := readImport(ui, args)
	if err != nil {
		return err
	}
	files, err := call.read(ui)
	if err != nil {
		return err
	}
	imported, err := importer.Read(files, call.options)
	if err != nil {
		return err
	}
	text := imported.YAML()
	if err := call.output.write(ui, text); err != nil {
		return err
	}
	if imported.Routes != "" {
		if err := call.routes.write(ui, imported.Routes); err != nil {
			return err
		}
	}
	for _, n := range imported.Notes {
		ui.errorf("%s", n)
	}
	return checkWritten(call.output.name(), text)
}

// readImport reads the call. Its arguments are files.
func readImport(ui *ui, args []string) (*importCall, error) {
	flags := flag.NewFlagSet("letterlock import", flag.ContinueOnError)
	call := &importCall{}
	from := flags.String("from", "", "the `FORMAT` of the files: "+strings.Join(importer.FormatNames(), ", ")+" (default by their contents)")
	recipients := flags.String("recipients", "", "the `DOMAIN,...` that mail is received for (default those in the files)")
	flags.StringVar(&call.options.Hostname, "hostname", "", "the proxy's `NAME` (default that in the files)")
	flags.StringVar(&call.options.Backend, "backend", "", "the `HOST` of the mail server (default that in the files)")
	flags.BoolVar(&call.options.KeepWeak, "keep-weak", false, "accept the old TLS versions and cipher suites that the files accept")
	call.output.flags(flags, "")
	flags.StringVar(&call.routes.file, "routes", "", "write a table of users to this `FILE`")
	if err := parseList(ui, flags, args, &call.files); err != nil {
		return nil, err
	}
	if len(call.files) == 0 {
		return nil, ui.wrongly("import", "it takes the files to import")
	}
	call.routes.force = call.output.force
	call.options.From, call.options.Routes = importer.Format(*from), call.routes.file
	overrideList(&call.options.Recipients, *recipients)
	call.options.Machine, _ = os.Hostname() // a guess may be missing
	return call, nil
}

// read reads the files, up to one byte more than the importer accepts.
func (call *importCall) read(ui *ui) (files []importer.File, err error) {
	p := ui.progress("reading files")
	defer p.done()
	for i, name := range call.files {
		p.step(i, len(call.files))
		text, err := readBounded(name, importer.MaxFile+1)
		if err != nil {
			return nil, err
		}
		files = append(files, importer.File{Name: name, Text: text})
	}
	return files, nil
}

// readBounded reads the beginning of a file, or of standard input for "-".
func readBounded(name string, most int64) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(io.LimitReader(os.Stdin, most))
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, most))
}

// checkWritten checks the text of a configuration, but not the files that it names,
// which may be on another machine.
func checkWritten(name, text string) error {
	_, err := configs.Elsewhere("mail.example.com").Parse(name, []byte(text))
	return err
}
