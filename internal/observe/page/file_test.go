package page

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestFilesThatCannotBeUsed(t *testing.T) {
	files := []File{
		{Name: "/etc/good.pem", Loaded: time.Unix(1000, 0)},
		{Name: "/etc/bad.pem", Loaded: time.Unix(2000, 0), Failures: 3, Problem: "certificate <bad>: the file is empty"},
		{Name: "/etc/bad.pem", Loaded: time.Unix(3000, 0)},
		{Name: "/etc/\xff.pem"},
	}
	handler := New(Options{Files: func() []File { return files }}).Handler()
	get := func(path string) string {
		t.Helper()
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != http.StatusOK {
			t.Fatalf("%s: %d\n%s", path, w.Code, w.Body)
		}
		return w.Body.String()
	}
	for path, wants := range map[string][]string{
		"/metrics": {
			`letterlock_file_unusable{file="/etc/good.pem"} 0`, `letterlock_file_unusable{file="/etc/bad.pem"} 1`,
			`letterlock_file_failures_total{file="/etc/bad.pem"} 3`, `letterlock_file_loaded_timestamp_seconds{file="/etc/good.pem"} 1000`,
		},
		"/status.json": {`"name": "/etc/bad.pem"`, `"failures": 3`, `the file is empty`},
		"/":            {"/etc/bad.pem", "certificate &lt;bad&gt;: the file is empty"},
	} {
		for _, want := range wants {
			if text := get(path); !strings.Contains(text, want) {
				t.Errorf("%s lacks %s:\n%s", path, want, text)
			}
		}
	}
	if strings.Contains(get("/"), "good.pem") {
		t.Error("the page shows files without a problem")
	}
}
