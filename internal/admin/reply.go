package admin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// reply sends a value as JSON.
func reply(w http.ResponseWriter, value any) { send(w, http.StatusOK, value) }

// fail sends the reason why a request fails.
func fail(w http.ResponseWriter, status int, format string, args ...any) {
	send(w, status, Error{fmt.Sprintf(format, args...)})
}

func send(w http.ResponseWriter, status int, value any) {
	text, err := Encode(value)
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text) //nolint:gosec // JSON in ASCII, on a socket that no browser reaches
}

// Encode returns a value as JSON in ASCII. Control characters and those that change
// the direction of a text are escaped, so that a user name cannot change what a
// terminal shows.
func Encode(value any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return []byte(ascii(b.String())), nil
}

// ascii escapes the characters of a JSON text that are not ASCII, and DEL.
func ascii(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r < utf8.RuneSelf && r != 0x7f:
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
