package configs

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
)

// allKeys lists the path of every key of a type, entries of lists as name[].
func allKeys(t reflect.Type, path string) []string {
	var paths []string
	switch {
	case t.Kind() == reflect.Pointer:
		return allKeys(t.Elem(), path)
	case t.Kind() == reflect.Slice:
		return allKeys(t.Elem(), path+"[]")
	case t.Kind() != reflect.Struct || t == reflect.TypeFor[RequireTLS](), t == reflect.TypeFor[Network](), t == reflect.TypeFor[Date]():
		return nil
	}
	for i, key := range keys(t) {
		at := join(path, key)
		paths = append(paths, at)
		paths = append(paths, allKeys(t.Field(i).Type, at)...)
	}
	return paths
}

func TestReferenceIsAGoodFile(t *testing.T) {
	got, err := Elsewhere("").Parse("reference.yaml", []byte(Reference()))
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	if got.StateDir != want.StateDir || got.Log != want.Log || got.Limits != want.Limits || got.Inventory != want.Inventory || got.Timeouts != want.Timeouts {
		t.Errorf("the reference file has other defaults: %+v", got)
	}
	l := got.Listeners[0]
	if l.PolicyName() != SMTP.DefaultPolicy() || l.RequireTLS.All || l.Auth || !l.ReceivedOn() || !l.VRFYDisabled() || l.BareNewline != "normalize" || l.GreetPause() != 5*time.Millisecond {
		t.Errorf("the reference file has other defaults: %+v", l)
	}
	if len(got.Listeners) != len(services) {
		t.Errorf("the reference file shows %d services of %d", len(got.Listeners), len(services))
	}
}

func TestReferenceDescribesEveryKeyOnce(t *testing.T) {
	var root yaml.Node
	if err := yaml.Load([]byte(reference), &root); err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	countDescribed(root.Content[0], "", count)
	want := allKeys(reflect.TypeFor[Config](), "")
	for _, path := range want {
		if count[path] != 1 {
			t.Errorf("%s is described %d times", path, count[path])
		}
		delete(count, path)
	}
	for path := range maps.Keys(count) {
		t.Errorf("%s does not exist", path)
	}
}

func countDescribed(n *yaml.Node, path string, count map[string]int) {
	for i, child := range n.Content {
		switch {
		case n.Kind == yaml.SequenceNode:
			countDescribed(child, path+"[]", count)
		case i%2 == 0 && child.HeadComment != "":
			count[join(path, child.Value)]++
		case i%2 == 1:
			countDescribed(child, join(path, n.Content[i-1].Value), count)
		}
	}
}

func TestExamples(t *testing.T) {
	files, err := filepath.Glob("examples/*.yaml")
	if err != nil || len(files) < 4 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	for _, file := range files {
		c, err := Elsewhere("").Load(file)
		if err != nil {
			t.Error(err)
			continue
		}
		if w := Warnings(c); len(w) > 0 {
			t.Errorf("%s: %v", file, w)
		}
		if text, _ := os.ReadFile(file); !strings.HasPrefix(string(text), "# ") {
			t.Errorf("%s does not say what it is for", file)
		}
	}
}
