package configs

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
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

// at returns the schema at a path such as listeners[].service.
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

// The schema has the words, bounds and defaults of the table.
func TestSchemaHasTheTable(t *testing.T) {
	s := readSchema(t)
	for _, k := range Keys() {
		p := s.at(k.Path)
		version := slices.Equal(k.Words, wordsIn("{versions}"))
		switch {
		case k.Words == nil || version:
		case k.Open && (len(p.AnyOf) != 2 || !reflect.DeepEqual(p.AnyOf[0].Enum, anys(k.Words))), !k.Open && !reflect.DeepEqual(p.Enum, anys(k.Words)):
			t.Errorf("%s: %v, %v, want %v", k.Path, p.Enum, p.AnyOf, k.Words)
		}
		if _, _, bounded := k.numbers(); bounded && (fmt.Sprint(*p.Minimum) != k.Min || fmt.Sprint(*p.Maximum) != k.Max) {
			t.Errorf("%s: %+v", k.Path, p)
		}
		if f, ok := p.Default.(float64); ok {
			p.Default = int(f)
		}
		if got := fmt.Sprint(p.Default); k.Default != "" && got != k.Default {
			t.Errorf("%s: default %s, want %s", k.Path, got, k.Default)
		}
	}
}

func anys(values []string) []any {
	all := make([]any, len(values))
	for i, v := range values {
		all[i] = v
	}
	return all
}

// Parse requires every key that the schema requires.
func TestSchemaRequires(t *testing.T) {
	s := readSchema(t)
	for _, k := range Keys() {
		above := s
		if p := parent(k.Path); p != "" {
			above = s.at(p)
		}
		if slices.Contains(above.Required, lastKey(k.Path)) != k.Required {
			t.Errorf("%s: required %v", k.Path, k.Required)
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
