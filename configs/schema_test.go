package configs

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/tlspolicy"
)

func readSchema(t *testing.T) *schema {
	t.Helper()
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	var s schema
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return &s
}

// at walks down a path such as listeners[].service.
func (s *schema) at(path string) *schema {
	for step := range strings.SplitSeq(path, ".") {
		name, isItem := strings.CutSuffix(step, "[]")
		if s = s.Properties[name]; s != nil && isItem {
			s = s.Items
		}
		if s == nil {
			return &schema{}
		}
	}
	return s
}

func TestSchemaHasEveryKey(t *testing.T) {
	s := readSchema(t)
	want := allKeys(reflect.TypeFor[Config](), "")
	for _, path := range want {
		p := s.at(path)
		if p.Description == "" || p.Type == "" && p.Enum == nil && p.AnyOf == nil {
			t.Errorf("%s: %+v", path, p)
		}
	}
	got := schemaKeys(s, "")
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%v\nis not\n%v", got, want)
	}
}

func schemaKeys(s *schema, path string) []string {
	var paths []string
	for _, key := range slices.Sorted(maps.Keys(s.Properties)) {
		at, p := join(path, key), s.Properties[key]
		paths = append(paths, at)
		if p.Items != nil {
			paths = append(paths, schemaKeys(p.Items, at+"[]")...)
		}
		paths = append(paths, schemaKeys(p, at)...)
	}
	return paths
}

func TestSchemaEnums(t *testing.T) {
	s := readSchema(t)
	for path, want := range map[string][]string{
		"listeners[].service":      words(Services()),
		"listeners[].handover":     handoverNames(),
		"listeners[].bare_newline": bareNewlines,
		"policies[].base":          tlspolicy.Names(),
		"log.format":               logFormats,
		"log.level":                logLevels,
		"mta_sts.mode":             STSModes(),
	} {
		if got := s.at(path).Enum; !reflect.DeepEqual(got, anys(want)) {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
	if got := s.at("listeners[].policy").AnyOf; len(got) != 2 || !reflect.DeepEqual(got[0].Enum, anys(tlspolicy.Names())) {
		t.Errorf("policy: %v", got)
	}
}

func TestSchemaBoundsAndDefaults(t *testing.T) {
	s := readSchema(t)
	for _, b := range limitBounds {
		p := s.at("limits." + b.key)
		if p.Type != "integer" || p.Minimum == nil || *p.Minimum != b.min || *p.Maximum != b.max || p.Default != float64(b.value(Default().Limits)) {
			t.Errorf("%s: %+v", b.key, p)
		}
	}
	for _, b := range timeoutBounds {
		if p := s.at("timeouts." + b.key); p.Type != "string" || p.Default != short(b.value(Default().Timeouts)) {
			t.Errorf("%s: %+v", b.key, p)
		}
	}
}

// What the schema demands, Parse demands too.
func TestSchemaRequires(t *testing.T) {
	s := readSchema(t)
	if !slices.Equal(s.Required, required[""]) {
		t.Errorf("the file requires %v", s.Required)
	}
	for path, want := range required {
		if path != "" && !slices.Equal(s.at(path).Required, want) {
			t.Errorf("%s requires %v", path, s.at(path).Required)
		}
	}
	for _, text := range []string{
		"hostname: a.example",
		"listeners: [{service: imaps}]",
		"listeners: [{backend: b}]",
		"certificates: [{cert: c}]\nlisteners: [{service: imaps, backend: b}]",
		"certificates: [{key: k}]\nlisteners: [{service: imaps, backend: b}]",
		"policies: [{name: n}]\nlisteners: [{service: imaps, backend: b}]",
		"policies: [{base: strict}]\nlisteners: [{service: imaps, backend: b}]",
	} {
		if all := mustFail(t, text); len(all) != 1 {
			t.Errorf("%s: %v", text, all)
		}
	}
}
