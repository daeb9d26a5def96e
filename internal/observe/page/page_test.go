package page

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe"
)

func TestStoryAsPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newProxied(options())
		morning(s.All)
		page := get(t, s.Handler(), "/")
		for _, want := range []string{
			"<title>Letterlock · mail.example.com</title>", `content="5"`, "up 2 min 37 s",
			"<b>1</b> open sessions", "<b>4</b> sessions so far", "<b>1</b> rejected",
			"X25519MLKEM768", "AES128-SHA", "TLSv1.3",
			"no TLS version in common", "compare the client&#39;s offer with the listener&#39;s policy",
			"see the backend&#39;s own log", "<b>33.3 %</b> of sessions with TLS",
			"opportunistic", "legacy.lan:143", "legacy.lan:110", "down for 1 h 0 min", "connection refused", "<bdi>alice</bdi>", "1 min 5 s", "1 min 30 s", "1 MiB",
			"imap.example.com", "self-signed", "80 days left", "3 days left",
		} {
			if !strings.Contains(page, want) {
				t.Errorf("the page lacks %q", want)
			}
		}
	})
}

func TestPageOfNothing(t *testing.T) {
	page := get(t, New(Options{}).Handler(), "/")
	for _, want := range []string{"<title>Letterlock</title>", "No session yet.", "No handshake yet.", "<b>0</b> open sessions"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, "NaN") {
		t.Error("a share of zero handshakes is shown")
	}
}

// Clients choose their user names, and so some text on the page.
func TestHostileWordsAreEscaped(t *testing.T) {
	const script = `<script>alert("1")</script>`
	s := newProxied(Options{Hostname: func() string { return script }, Certificates: func() []CertificateInfo {
		return []CertificateInfo{{Names: []string{script}, Issuer: script, NotAfter: time.Now().Add(time.Hour)}}
	}})
	for i, user := range []string{script, "' onload='x", "</td></table>", "a\u202egnp.exe", "\x00\x1b[2J\r\n", "{{.CSS}}", "\xff\xfe", "&lt;b&gt;", strings.Repeat("é", 5000)} {
		info := newInfo(string(rune('a'+i)), "imaps")
		info.User = user
		s.All.Opened(info)
		s.All.Login(info, user, script, gate.Answer{})
		s.All.LoginRefused(info, script)
		info.User = "x" + user
		s.All.Closed(info, observe.Summary{Reason: gate.Done})
		again := newInfo(string(rune('A'+i)), "imaps")
		again.User = user
		s.All.Opened(again)
	}
	h := s.Handler()
	page := strings.Replace(get(t, h, "/"), ownScript, "", 1)
	for _, bad := range []string{"<script", "onload='", "</td></table>", "\u202e", "\x00", "\x1b", "\xff", "<b>&lt;b", strings.Repeat("é", maxName+1)} {
		if strings.Contains(page, bad) {
			t.Errorf("the page contains %q", bad)
		}
	}
	if !strings.Contains(page, "&amp;lt;b&amp;gt;") {
		t.Error("an escaped text is not escaped again")
	}
	for path, body := range map[string]string{"/status.json": get(t, h, "/status.json"), "/metrics": get(t, h, "/metrics")} {
		if strings.Contains(body, "\u202e") || strings.Contains(body, "\x00") || path == "/status.json" && strings.Contains(body, "<script") {
			t.Errorf("%s contains a hostile word", path)
		}
	}
}

// ownScript is the page's only script.
const ownScript = `<script src="/page.js" defer></script>`

// H23: no site may frame the page, and only its own script may run.
func TestH23_PolicyOfThePage(t *testing.T) {
	w := httptest.NewRecorder()
	New(Options{}).Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	policy := strings.Split(w.Header().Get("Content-Security-Policy"), "; ")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
		if !slices.Contains(policy, want) {
			t.Errorf("the policy %q lacks %s", policy, want)
		}
	}
	if got := w.Header().Get("X-Frame-Options"); got != "DENY" {
		t.Errorf("X-Frame-Options is %q", got)
	}
}

// The browser applies the style sheet only if its hash is in the policy.
func TestStyleIsTheOneThatThePolicyNames(t *testing.T) {
	w := httptest.NewRecorder()
	New(Options{}).Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	_, rest, _ := strings.Cut(w.Body.String(), "<style>")
	style, _, found := strings.Cut(rest, "</style>")
	if !found || !strings.Contains(w.Body.String(), ownScript) {
		t.Fatal("there is no style or no script")
	}
	sum := sha256.Sum256([]byte(style))
	want := "style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	if policy := w.Header().Get("Content-Security-Policy"); !strings.Contains(policy, want) {
		t.Errorf("the policy %q does not name %s", policy, want)
	}
	for _, forbidden := range []string{" style=", "<script", "http://", "https://", "url("} {
		if strings.Contains(strings.Replace(w.Body.String(), ownScript, "", 1), forbidden) {
			t.Errorf("the page contains %q, which its policy forbids", forbidden)
		}
	}
}

func TestPageFailsWhole(t *testing.T) {
	w := httptest.NewRecorder()
	answer(w, "text/html", bytes.NewBufferString("half"), os.ErrInvalid)
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "half") {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}

func TestAgo(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 59 * time.Second: "59 s", time.Minute: "1 min 0 s", 61 * time.Minute: "1 h 1 min",
		24 * time.Hour: "1 d 0 h", 400*24*time.Hour + 5*time.Hour: "400 d 5 h",
	} {
		expect(t, d.String(), ago(start, start.Add(d)), want)
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", math.MaxUint64: "18,446,744,073,709,551,615"} {
		expect(t, "commas", commas(n), want)
	}
	expect(t, "commas", commas(-100), "-100")
	expect(t, "commas", commas(-1000), "-1,000")
	for n, want := range map[uint64]string{
		0: "0 B", 1023: "1023 B", 1024: "1 KiB", 1536: "1.5 KiB", 1 << 30: "1 GiB", 5 << 40: "5 TiB", math.MaxUint64: "16384.0 PiB",
	} {
		expect(t, "bytes", byteCount(n), want)
	}
}

func TestExpiry(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for left, want := range map[time.Duration]untilExpiry{
		60 * 24 * time.Hour:               {"60 days left", good},
		21*24*time.Hour - 1:               {"20 days left", warn},
		7*24*time.Hour - 1:                {"6 days left", bad},
		time.Hour:                         {"less than a day left", bad},
		0:                                 {"expired", bad},
		-time.Hour:                        {"expired", bad},
		100*24*time.Hour + 30*time.Minute: {"100 days left", good},
	} {
		expect(t, left.String(), expiry(CertificateInfo{NotAfter: now.Add(left)}, now), want)
	}
	early := CertificateInfo{NotBefore: now.Add(time.Hour), NotAfter: now.Add(2 * time.Hour)}
	expect(t, "early", expiry(early, now), untilExpiry{"not valid yet", bad})
}
