package page

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed page.html
var pageHTML string

//go:embed sections.html
var sectionsHTML string

//go:embed whatif.html
var whatIfHTML string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

// refresh is the time between two reloads of the page without its script, in seconds.
const refresh = 5

// page renders HTML in one piece, without external resources except the script.
type page struct {
	template *template.Template
	policy   string // Content-Security-Policy: only the style sheet and the script
}

// thePage is the same for all handlers. The first one parses its templates.
var thePage = sync.OnceValue(func() page {
	sum := sha256.Sum256([]byte(pageCSS))
	all := template.New("page").Funcs(template.FuncMap{
		"ago": ago, "bytes": byteCount, "clean": cleanName, "clock": clock, "commas": commas, "expiry": expiry, "lines": newLineTable, "list": newListTable,
		"query": url.QueryEscape, "stamp": stamp, "versionLevel": versionLevel,
	})
	for _, text := range []string{pageHTML, sectionsHTML, whatIfHTML} {
		all = template.Must(all.Parse(text))
	}
	return page{
		template: all,
		policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
			"'; script-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
	}
})

func cleanName(name string) string { return clean(name, maxName) }

// listTable is a list of shares with a title; Empty is shown instead of rows.
type listTable struct {
	Title, Empty string
	Rows         []share
}

func newListTable(title, empty string, rows []share) listTable { return listTable{title, empty, rows} }

// lineTable is a list of sessions.
type lineTable struct {
	Ended bool
	Act   bool // with a button that ends the session
	Now   time.Time
	Rows  []sessionLine
}

func newLineTable(ended, act bool, now time.Time, rows []sessionLine) lineTable {
	return lineTable{ended, act, now, rows}
}

// ago returns the time between two moments in its two largest units.
func ago(from, to time.Time) string {
	d := max(to.Sub(from), 0)
	days, hours, minutes, seconds := int(d.Hours())/24, int(d.Hours())%24, int(d.Minutes())%60, int(d.Seconds())%60
	switch {
	case days > 0:
		return fmt.Sprintf("%d d %d h", days, hours)
	case hours > 0:
		return fmt.Sprintf("%d h %d min", hours, minutes)
	case minutes > 0:
		return fmt.Sprintf("%d min %d s", minutes, seconds)
	}
	return fmt.Sprintf("%d s", seconds)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// Certificates of 90 days are renewed a month before their end, and shorter ones when a
// third or half of their life is left. A certificate that is closer to its end was not
// renewed.
const (
	expiresSoon = 21 * 24 * time.Hour
	expiresNow  = 7 * 24 * time.Hour
)

// untilExpiry is the remaining validity of a certificate, and its level.
type untilExpiry struct {
	Words string
	Level level
}

func expiry(c CertificateInfo, now time.Time) untilExpiry {
	left, life := c.NotAfter.Sub(now), c.NotAfter.Sub(c.NotBefore)
	soon, urgent := min(expiresSoon, life/4), min(expiresNow, life/10)
	days := strconv.Itoa(int(left.Hours())/24) + " days left"
	switch {
	case now.Before(c.NotBefore):
		return untilExpiry{"not valid yet", bad}
	case left <= 0:
		return untilExpiry{"expired", bad}
	case left < 24*time.Hour:
		days = "less than a day left"
	}
	switch {
	case left < urgent:
		return untilExpiry{days, bad}
	case left < soon:
		return untilExpiry{days, warn}
	}
	return untilExpiry{days, good}
}

// commas writes a count with a comma before every three digits.
func commas(n any) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func byteCount(count uint64) string {
	n := float64(count)
	for _, unit := range []string{"B", "KiB", "MiB", "GiB", "TiB"} {
		if n < 1024 {
			return strings.TrimSuffix(strconv.FormatFloat(n, 'f', 1, 64), ".0") + " " + unit
		}
		n /= 1024
	}
	return strconv.FormatFloat(n, 'f', 1, 64) + " PiB"
}
