package tlsreport

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
)

// The bounds on what is read.
const (
	maxFile  = 256 << 20 // bytes of a mailbox
	maxJSON  = 32 << 20  // bytes of a report, uncompressed
	maxParts = 100       // of a message
	maxDepth = 5         // multiparts within each other
)

var (
	errNoReport = errors.New("there is no report in it")
	errTooLong  = errors.New("it is too long")
)

// ReadPath reads the reports in a file, or in all files of a folder such as a Maildir.
// A file holds a report (JSON, also compressed with gzip), a message with reports, or
// a mailbox of messages (mbox). In a folder, files without a report are skipped.
func ReadPath(path string) (all []Report, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return readFile(path)
	}
	err = filepath.WalkDir(path, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		found, err := readFile(file)
		if errors.Is(err, errNoReport) {
			return nil
		}
		all = append(all, found...)
		return err
	})
	return all, err
}

func readFile(path string) ([]Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	text, err := bounded(f, maxFile)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	all, err := Read(text)
	if err == nil && len(all) == 0 {
		err = errNoReport
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return all, nil
}

// bounded reads all, but fails if there is more than a number of bytes.
func bounded(r io.Reader, most int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(text)) > most {
		err = errTooLong
	}
	return text, err
}

// Read reads the reports in a text; see ReadPath.
func Read(text []byte) ([]Report, error) {
	switch {
	case isReport(text):
		r, err := parseReport(text)
		return []Report{r}, err
	case !bytes.HasPrefix(text, []byte("From ")):
		return readMessage(text)
	}
	var all []Report
	for len(text) > 0 {
		_, text, _ = bytes.Cut(text, []byte("\n")) // the line that begins with From
		message, rest, found := bytes.Cut(text, []byte("\nFrom "))
		reports, err := readMessage(message)
		if err != nil {
			return all, err
		}
		if all, text = append(all, reports...), rest; !found {
			break
		}
	}
	return all, nil
}

// isReport reports whether a text is JSON or gzip.
func isReport(text []byte) bool {
	return bytes.HasPrefix(text, []byte{0x1f, 0x8b}) || bytes.HasPrefix(bytes.TrimSpace(text[:min(len(text), 512)]), []byte("{"))
}

func parseReport(text []byte) (r Report, err error) {
	if text[0] == 0x1f {
		zipped, err := gzip.NewReader(bytes.NewReader(text))
		if err != nil {
			return r, err
		}
		if text, err = bounded(zipped, maxJSON); err != nil {
			return r, err
		}
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, err
	}
	if len(r.Policies) == 0 {
		return r, errNoReport
	}
	return r, nil
}

// readMessage reads the reports in the parts of a message.
func readMessage(text []byte) ([]Report, error) {
	m, err := mail.ReadMessage(bytes.NewReader(text))
	if err != nil {
		return nil, errNoReport
	}
	left := maxParts
	return readPart(m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), m.Body, maxDepth, &left)
}

// readPart reads the reports in a part, and in the parts below it.
func readPart(contentType, encoding string, body io.Reader, depth int, left *int) (all []Report, err error) {
	kind, params, err := mime.ParseMediaType(contentType)
	if *left--; err != nil || *left < 0 || depth == 0 {
		return nil, nil
	}
	if strings.HasPrefix(kind, "multipart/") {
		for parts := multipart.NewReader(body, params["boundary"]); ; {
			part, err := parts.NextRawPart()
			if err != nil {
				return all, nil //nolint:nilerr // a message that is cut short has the parts before
			}
			found, err := readPart(part.Header.Get("Content-Type"), part.Header.Get("Content-Transfer-Encoding"), part, depth-1, left)
			if err != nil {
				return all, err
			}
			all = append(all, found...)
		}
	}
	switch kind {
	case "application/tlsrpt+gzip", "application/tlsrpt+json", "application/gzip", "application/json", "application/octet-stream":
	default:
		return nil, nil
	}
	text, err := bounded(decoded(encoding, body), maxJSON)
	if err != nil || !isReport(text) {
		return nil, err
	}
	r, err := parseReport(text)
	return []Report{r}, err
}

// decoded undoes a content transfer encoding.
func decoded(encoding string, body io.Reader) io.Reader {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		return quotedprintable.NewReader(body)
	}
	return body
}
