package mtasts

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

func policy(mode string) Policy {
	return Policy{Mode: mode, MaxAge: 168 * time.Hour, MX: []string{"mail.example.com", "*.backup.example.com"}}
}

func TestText(t *testing.T) {
	const want = "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.backup.example.com\r\nmax_age: 604800\r\n"
	if got := policy("enforce").Text(); got != want {
		t.Errorf("%q", got)
	}
	if got := policy("none").Text(); strings.Contains(got, "mx:") {
		t.Errorf("%q", got)
	}
}

func TestIDFollowsThePolicy(t *testing.T) {
	seen := map[string]bool{}
	longer := policy("testing")
	longer.MaxAge += time.Second
	for _, p := range []Policy{policy("testing"), policy("enforce"), policy("none"), longer} {
		id := p.ID()
		if !regexp.MustCompile(`^[a-zA-Z0-9]{1,32}$`).MatchString(id) || seen[id] || id != p.ID() {
			t.Errorf("%s", id)
		}
		seen[id] = true
	}
}

func TestRecords(t *testing.T) {
	p := policy("testing")
	if got, want := p.Record("example.com"), `_mta-sts.example.com. IN TXT "v=STSv1; id=`+p.ID()+`;"`; got != want {
		t.Error(got)
	}
	if got, want := ReportRecord("example.com", "tls@example.com"), `_smtp._tls.example.com. IN TXT "v=TLSRPTv1; rua=mailto:tls@example.com"`; got != want {
		t.Error(got)
	}
}
