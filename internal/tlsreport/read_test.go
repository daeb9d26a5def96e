package tlsreport

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// example is the report of RFC 8460 appendix B, shortened.
const example = `{"organization-name":"Company-X","date-range":{"start-datetime":"2016-04-01T00:00:00Z","end-datetime":"2016-04-01T23:59:59Z"},
"contact-info":"sts-reporting@company-x.example","report-id":"5065427c-23d3-47ca-b6e0-946ea0e8c4be",
"policies":[{"policy":{"policy-type":"sts","policy-string":["version: STSv1"],"policy-domain":"company-y.example","mx-host":["*.mail.company-y.example"]},
"summary":{"total-successful-session-count":5326,"total-failure-session-count":303},
"failure-details":[{"result-type":"certificate-expired","sending-mta-ip":"2001:db8:abcd:0012::1","receiving-mx-hostname":"mx1.mail.company-y.example","failed-session-count":100},
{"result-type":"starttls-not-supported","sending-mta-ip":"2001:db8:abcd:0013::1","receiving-mx-hostname":"mx2.mail.company-y.example","receiving-ip":"203.0.113.56","failed-session-count":200,"additional-information":"https://reports.company-x.example/report_info"}]}]}`

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func message(t *testing.T) string {
	t.Helper()
	return "From: noreply-smtp-tls-reporting@google.com\r\nSubject: Report Domain: company-y.example\r\n" +
		"TLS-Report-Domain: company-y.example\r\nContent-Type: multipart/report; report-type=\"tlsrpt\"; boundary=\"b1\"\r\n\r\n" +
		"--b1\r\nContent-Type: text/plain\r\n\r\nThis is a report.\r\n--b1\r\nContent-Type: application/tlsrpt+gzip; name=\"r.json.gz\"\r\n" +
		"Content-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString([]byte(zipped(t, example))) + "\r\n--b1--\r\n"
}

func TestRead(t *testing.T) {
	mbox := "From a@b Sat Nov 28 00:00:00 2026\n" + message(t) + "\nFrom c@d Sat Nov 28 00:00:00 2026\nSubject: no report\n\ntext\n\nFrom e@f Sat\n" + message(t)
	for name, tt := range map[string]struct {
		text string
		want int
	}{
		"JSON": {example, 1}, "gzip": {zipped(t, example), 1}, "message": {message(t), 1}, "mailbox": {mbox, 2},
		"message without a report": {"Subject: x\r\n\r\ntext\r\n", 0}, "message that is cut short": {message(t)[:300], 0},
	} {
		all, err := Read([]byte(tt.text))
		if err != nil || len(all) != tt.want {
			t.Errorf("%s: %d reports, %v", name, len(all), err)
			continue
		}
		for _, r := range all {
			p := r.Policies[0]
			if r.Organization != "Company-X" || r.Range.Start.Year() != 2016 || p.Policy.Type != "sts" || p.Policy.Domain != "company-y.example" ||
				p.Summary.Failed != 303 || p.Failures[1].Type != "starttls-not-supported" || p.Failures[1].Count != 200 {
				t.Errorf("%s: %+v", name, r)
			}
		}
	}
	for name, text := range map[string]string{"not JSON": "{", "another JSON": "{}", "broken gzip": "\x1f\x8b\x08", "nothing": ""} {
		if all, err := Read([]byte(text)); err == nil {
			t.Errorf("%s: %v", name, all)
		}
	}
}

// A report of a few kilobytes cannot fill the memory.
func TestH26_CompressedReportsAreBounded(t *testing.T) {
	if _, err := Read([]byte(zipped(t, strings.Repeat(" ", maxJSON+10)))); !errors.Is(err, errTooLong) {
		t.Error(err)
	}
}

func TestReadPath(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{"cur/1": message(t), "cur/2": "Subject: x\r\n\r\ntext\r\n", "new/3": zipped(t, example)} {
		file := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := ReadPath(folder); err != nil || len(all) != 2 {
		t.Errorf("%d reports, %v", len(all), err)
	}
	if _, err := ReadPath(filepath.Join(folder, "cur/2")); !errors.Is(err, errNoReport) {
		t.Error(err)
	}
	if _, err := ReadPath(filepath.Join(folder, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(example))
	f.Add([]byte("From a@b\nContent-Type: multipart/report; boundary=b\n\n--b\nContent-Type: application/tlsrpt+json\n\n" + example + "\n--b--\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := Read(text)
		for _, r := range all {
			if err == nil && len(r.Policies) == 0 {
				t.Error("a report without policies")
			}
		}
	})
}
