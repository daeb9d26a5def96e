package configs

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxRecipientsFile is the maximum size of a file of recipients, in bytes:
// enough for a million addresses.
const maxRecipientsFile = 64 << 20

var errRecipientsLong = errors.New("the file is too long: write domains instead of single addresses")

// ReadRecipients reads a file of recipients: one entry a line, as in
// `recipients`; # begins a comment. An error has the line's number. A file
// without an entry is an error too, because it is probably incomplete.
func ReadRecipients(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return parseRecipients(path, &bounded{f, maxRecipientsFile})
}

func parseRecipients(path string, r io.Reader) ([]string, error) {
	var entries []string
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan() && lines.Err() == nil; n++ { // after an error the last line may be incomplete
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

// bounded reads at most left bytes, and fails if there are more.
type bounded struct {
	io.Reader
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p[:min(len(p), b.left+1)])
	if b.left -= n; b.left < 0 {
		return 0, errRecipientsLong
	}
	return n, err
}
