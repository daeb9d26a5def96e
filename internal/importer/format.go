package importer

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
)

// Format names the program that a configuration belongs to.
type Format string

// The formats.
const (
	Stunnel   Format = "stunnel"
	Nginx     Format = "nginx"
	HAProxy   Format = "haproxy"
	Perdition Format = "perdition"
	Dovecot   Format = "dovecot"
	Postfix   Format = "postfix"
)

type formatFacts struct {
	name  Format
	title string

	// sign matches a line that only this format has.
	sign *regexp.Regexp
}

// formats lists the formats in the order in which they are recognized.
var formats = []formatFacts{
	{Nginx, "nginx", regexp.MustCompile(`(?m)^\s*(?:mail|stream|http|events)\s*\{|^\s*(?:auth_http|proxy_pass|ssl_certificate|listen|starttls)\s+[^;{}=]*;`)},
	{Dovecot, "Dovecot", regexp.MustCompile(`(?m)^# (?:OS|[\w./() ]*: /\S*dovecot\S*\.conf)|^dovecot_(?:config|storage)_version\s*=|^\s*(?:passdb|userdb|service|inet_listener|protocol|namespace)\b[^=\n]*\{|^(?:protocols|ssl_cert|ssl_server_cert_file|disable_plaintext_auth|auth_mechanisms)\s*=`)},
	{Stunnel, "stunnel", regexp.MustCompile(`(?mi)^\s*(?:accept|connect|sslVersion(?:Min|Max)?|verifyChain|checkHost)\s*=`)},
	{Postfix, "Postfix", regexp.MustCompile(`(?m)^(?:smtpd?_tls_\w+|myhostname|mydestination|smtpd_\w+_restrictions|inet_interfaces|queue_directory|compatibility_level)\s*=|^(?:smtp|submission|submissions|smtps|\S+:(?:smtp|25))\s+inet\s`)},
	{HAProxy, "HAProxy", regexp.MustCompile(`(?m)^(?:global|defaults|frontend|backend|listen)\b[^={}]*$`)},
	{Perdition, "Perdition", regexp.MustCompile(`(?m)^\s*(?:ssl_mode|outgoing_server|map_library(?:_opt)?|listen_port|bind_address|ssl_(?:cert|key)_file|no_lookup)\b[^=\n]*$`)},
}

// FormatNames lists the formats.
func FormatNames() []string {
	return []string{string(Stunnel), string(Nginx), string(HAProxy), string(Perdition), string(Dovecot), string(Postfix)}
}

// read reads files of the format.
func (f Format) read(r *reader, files []File) error {
	switch f {
	case Stunnel:
		return r.stunnel(files)
	case Nginx:
		return r.nginx(files)
	case HAProxy:
		return r.haproxy(files)
	case Perdition:
		return r.perdition(files)
	case Dovecot:
		return r.dovecot(files)
	case Postfix:
		return r.postfix(files)
	}
	return fmt.Errorf("%q: %w", f, ErrUnknown)
}

// title is the name of the program, as it is written.
func (f Format) title() string {
	for _, facts := range formats {
		if facts.name == f {
			return facts.title
		}
	}
	return string(f)
}

// recognize finds the format of files. A file that has no sign of any, such as a
// table of users, belongs to the others.
func recognize(files []File) (Format, error) {
	var found Format
	var at string
	for _, f := range files {
		format, ok := recognizeOne(f)
		switch {
		case !ok:
		case found != "" && found != format:
			return "", fmt.Errorf("%s is of %s and %s of %s: import them one after the other", at, found.title(), f.Name, format.title())
		default:
			found, at = format, f.Name
		}
	}
	if found == "" {
		return "", fmt.Errorf("%s: %w", names(files), ErrUnknown)
	}
	return found, nil
}

// recognizeOne looks at the name of a file first, and then at its lines.
func recognizeOne(f File) (Format, bool) {
	base := filepath.Base(f.Name)
	for prefix, format := range map[string]Format{
		"stunnel.conf": Stunnel, "nginx.conf": Nginx, "haproxy.cfg": HAProxy, "perdition.conf": Perdition, "perdition.": Perdition,
		"dovecot.conf": Dovecot, "main.cf": Postfix, "master.cf": Postfix,
	} {
		if strings.HasPrefix(base, prefix) {
			return format, true
		}
	}
	text := withoutComments(f.Text)
	for _, facts := range formats {
		if facts.sign.Match(text) {
			return facts.name, true
		}
	}
	return "", false
}

// withoutComments drops lines that are comments, but not those that doveconf
// begins with.
func withoutComments(text []byte) []byte {
	var kept [][]byte
	for line := range bytes.Lines(text) {
		trimmed := bytes.TrimSpace(line)
		comment := len(trimmed) > 0 && (trimmed[0] == '#' || trimmed[0] == ';')
		if !comment || bytes.Contains(trimmed, []byte("dovecot")) && bytes.HasPrefix(line, []byte("# ")) {
			kept = append(kept, line)
		}
	}
	return bytes.Join(kept, nil)
}
