package configs

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// Each tag can be parsed as its field's type, and each key describes its default.
func TestTags(t *testing.T) {
	for _, k := range Keys() {
		v := reflect.New(k.field.Type).Elem()
		if v.Kind() == reflect.Pointer {
			v = reflect.New(k.field.Type.Elem()).Elem()
		}
		if k.Default != "" {
			if err := setText(v, k.Default); err != nil {
				t.Errorf("%s: default %v", k.Path, err)
			}
		}
		_, _, numbers := k.numbers()
		_, _, durations := k.durations()
		switch v.Interface().(type) {
		case time.Duration:
			numbers = true
		case int:
			durations = true
		default:
			numbers, durations = k.Max == "", k.Max == ""
		}
		if !numbers && !durations {
			t.Errorf("%s: bounds %q and %q of a %s", k.Path, k.Min, k.Max, v.Type())
		}
		r := report{findings: newFindings("", nil)}
		if checkKey(k, v, r); len(r.errors) > 0 {
			t.Errorf("%s: the default is not accepted: %v", k.Path, r.errors)
		}
		section := v.Kind() == reflect.Struct && keysOf(v.Type(), "") != nil
		if !section && k.Default == "" && !k.Required && !strings.Contains(k.Text, "Default: ") && !strings.Contains(k.Text, "Required") {
			t.Errorf("%s does not say what happens without it", k.Path)
		}
		if (k.Flag == "") != (k.Usage == "") || k.Flag != "" && k.Variable == "" {
			t.Errorf("%s: flag %q, usage %q, variable %q", k.Path, k.Flag, k.Usage, k.Variable)
		}
	}
}

// The accessors of values that may be absent return the defaults of the table.
func TestAbsentValues(t *testing.T) {
	on := map[string]bool{
		"probe":                    (&Config{}).ProbeOn(),
		"backends[].verify":        Backend{TLS: "tls"}.Verified(),
		"listeners[].received":     Listener{Service: SMTP}.ReceivedOn(),
		"listeners[].disable_vrfy": Listener{Service: SMTP}.VRFYDisabled(),
		"smarthost.mta_sts":        (&SmarthostRules{}).MTASTSOn(),
		"cluster.tls":              (&Cluster{}).Encrypted(),
	}
	for _, k := range Keys() {
		if k.field.Type != reflect.TypeFor[*bool]() || k.Default == "" {
			continue
		}
		if got, ok := on[k.Path]; !ok || got != (k.Default == "true") {
			t.Errorf("%s: %v, %v", k.Path, got, ok)
		}
	}
}

// Each variable sets a field of Quick.
func TestVariablesReachQuick(t *testing.T) {
	for _, v := range Variables() {
		text := "1"
		if v.Key.Words != nil {
			text = v.Key.Words[0]
		}
		if v.Key.Path == "listeners[].proxy_from" {
			text = "10.0.0.1"
		}
		q, err := FromEnv([]string{v.Name + "=" + text})
		if err != nil || reflect.DeepEqual(q, Quick{}) || v.Service != "" && !q.sets(v.Service, v.Key) {
			t.Errorf("%s: %+v, %v", v.Name, q, err)
		}
	}
}

// A new key is a field with its tags: default, decoding, unknown-key remedy,
// bounds, words, schema and reference follow from them.
func TestNewKeyIsAField(t *testing.T) {
	type section struct {
		// The wait for a new thing.
		Pause time.Duration `yaml:"pause" default:"3s" min:"1s" max:"9s"`

		// The kind of thing.
		Kind string `yaml:"kind" default:"old" words:"old new"`
	}
	var s section
	setDefaults(reflect.ValueOf(&s).Elem())
	if s.Pause != 3*time.Second || s.Kind != "old" {
		t.Errorf("defaults %+v", s)
	}
	s = section{Pause: time.Minute, Kind: "odd"}
	r := report{findings: newFindings("", nil)}
	checkKeys(reflect.ValueOf(s), r)
	if got := r.errors.Error(); !strings.Contains(got, "write a duration from 1s to 9s; without the key it is 3s") || !strings.Contains(got, "write old (possible values: old, new)") {
		t.Error(got)
	}
	if got := unknownRemedy("paus", keys(reflect.TypeFor[section]())); got != "write pause" {
		t.Error(got)
	}
	described := schemaOf(reflect.TypeFor[section](), Key{}, nil)
	if p := described.at("pause"); p.Default != "3s" || len(described.at("kind").Enum) != 2 {
		t.Errorf("%+v", p)
	}
	w := referenceWriter{described: map[string]bool{}, comments: map[string]string{"section.Pause": "The wait for a new thing.", "section.Kind": "The kind of thing."}}
	w.fields(reflect.TypeFor[section](), "", "", 0)
	const want = `# The wait for a new thing. 1s to 9s. Default: 3s.
pause: 3s

# The kind of thing. One of old, new. Default: old.
kind: old
`
	if got := strings.TrimLeft(w.b.String(), "\n"); got != want {
		t.Errorf("%s\nis not\n%s", got, want)
	}
}
