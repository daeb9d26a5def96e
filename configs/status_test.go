package configs

import (
	"strings"
	"testing"
)

// H22: a page that others can reach needs a password, a client certificate or public.
func TestH22_PageForEverybody(t *testing.T) {
	for address, refused := range map[string]bool{":8080": true, "10.0.0.1:8080": true, "127.0.0.1:8080": false, "[::1]:8080": false} {
		text := "hostname: mail.example.com\nstatus: {listen: \"" + address + "\"}\nlisteners: [{service: imap, backend: legacy}]\n"
		_, err := Parse("letterlock.yaml", []byte(text))
		if got := err != nil && strings.Contains(err.Error(), "would show user names"); got != refused {
			t.Errorf("%s: %v", address, err)
		}
	}
}
