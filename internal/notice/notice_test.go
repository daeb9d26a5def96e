package notice

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var noon = time.Unix(1_800_000_000, 0)

// A device gets one notice a day, whatever the case of the user's name.
func TestOnceADay(t *testing.T) {
	table := New()
	for _, c := range []struct {
		user, device string
		after        time.Duration
		due          bool
	}{
		{"ann", "phone", 0, true},
		{"Ann", "phone", time.Hour, false},
		{"ann", "tablet", time.Hour, true},
		{"annp", "hone", time.Hour, true}, // another user, with the same letters in all
		{"ann", "phone", Every - time.Second, false},
		{"ann", "phone", Every, true},
		{"ann", "phone", Every + time.Hour, false},
	} {
		if got := table.Due(c.user, c.device, noon.Add(c.after)); got != c.due {
			t.Errorf("%+v: %t", c, got)
		}
	}
	if table.Count() != 4 {
		t.Errorf("%d notices are counted", table.Count())
	}
}

// The memory is bounded: further devices get no notice until others are forgotten.
func TestBound(t *testing.T) {
	table := New()
	for i := range maxDevices {
		if !table.Due(fmt.Sprint(i), "", noon) {
			t.Fatal(i)
		}
	}
	if table.Due("ann", "", noon.Add(time.Hour)) || len(table.sent) != maxDevices {
		t.Errorf("%d devices", len(table.sent))
	}
	if !table.Due("ann", "", noon.Add(Every)) || len(table.sent) != 1 {
		t.Errorf("%d devices a day later", len(table.sent))
	}
}

// A restart forgets nothing, and the file names no user.
func TestFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state", "notices.json")
	before := New()
	if err := before.Load(file, noon); err != nil {
		t.Error(err)
	}
	if err := before.Save(file, noon); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("an empty table is written")
	}
	before.Due("ann", "phone", noon)
	if err := before.Save(file, noon); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(text), "ann") {
		t.Errorf("%s, %v", text, err)
	}
	after := New()
	if err := after.Load(file, noon); err != nil {
		t.Fatal(err)
	}
	if after.Due("ann", "phone", noon.Add(time.Hour)) || !after.Due("ann", "phone", noon.Add(Every)) {
		t.Error("the notice before the restart is not known")
	}
	for _, bad := range []string{"", "{", `{"version":2}`, `{"version":1,"key":"AAAA"}`} {
		if err := os.WriteFile(file, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := New().Load(file, noon); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}
