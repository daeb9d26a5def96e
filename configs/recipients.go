package configs

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxRecipientsFile bounds what is read of a file, in bytes: a million
// addresses.
const maxRecipientsFile = 64 << 20

// ReadRecipients reads a file of recipients, one entry a line as `recipients`
// takes them; # begins a comment. What is wrong is in the error, line by line.
// A file that names nobody is wrong too: it is most likely half written.
func ReadRecipients(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return parseRecipients(path, io.LimitReader(f, maxRecipientsFile))
}

func parseRecipients(path string, r io.Reader) ([]string, error) {
	var entries []string
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		entry, _, _ := strings.Cut(lines.Text(), "#")
		if entry = strings.TrimSpace(entry); entry == "" {
			continue
		}
		folded := foldEntry(entry)
		if err := legalRecipient(folded); err != nil {
			return nil, fmt.Errorf("%s:%d: %q %w: write a domain, .domain for its subdomains, or an address", path, n, entry, err)
		}
		entries = append(entries, folded)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("%s names no recipients", path)
	}
	return entries, nil
}
