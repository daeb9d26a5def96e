package configs

import (
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// prefix is the prefix of all environment variables.
const prefix = "LETTERLOCK_"

// variables lists the keys that have an environment variable.
func variables() []Key {
	return slices.DeleteFunc(slices.Clone(table()), func(k Key) bool { return k.Variable == "" })
}

// set sets the field of q for a key to the value of a variable. A field may
// stand for the mapping that contains the key, as ACME does; set then finds the
// key in it by the yaml tags.
func (q *Quick) set(k Key, text string) error {
	v := reflect.ValueOf(q).Elem()
	for i := range v.NumField() {
		at := v.Type().Field(i).Tag.Get("key")
		if !within(k.Path, at) {
			continue
		}
		into := v.Field(i)
		for step := range strings.FieldsFuncSeq(strings.TrimPrefix(k.Path, at), func(c rune) bool { return c == '.' }) {
			into = entered(into, step)
		}
		return setVariable(into, text)
	}
	return nil
}

// entered returns the struct that v points to; a nil pointer is set to a new
// one.
func entered(v reflect.Value, key string) reflect.Value {
	if v.IsNil() {
		v.Set(reflect.New(v.Type().Elem()))
	}
	for i := range v.Elem().NumField() {
		if v.Elem().Type().Field(i).Tag.Get("yaml") == key {
			return v.Elem().Field(i)
		}
	}
	return reflect.Value{}
}

// setVariable sets a single value, or a list from entries that are separated by
// commas.
func setVariable(v reflect.Value, text string) error {
	if v.Kind() != reflect.Slice {
		return setText(v, text)
	}
	for _, word := range split(text) {
		v.Set(reflect.Append(v, reflect.ValueOf(word).Convert(v.Type().Elem())))
	}
	return nil
}

// orchestrator matches the variables that Kubernetes and Docker links set in
// every container beside a service named letterlock, such as
// LETTERLOCK_SERVICE_HOST and LETTERLOCK_PORT_25_TCP_ADDR. They are not for
// this program.
var orchestrator = regexp.MustCompile(`^LETTERLOCK(_[A-Z0-9_]+)?_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)?)$`)

// fileVariable is the variable with the path of a configuration file, which
// replaces all other variables.
const fileVariable = prefix + "CONFIG"

// SetVariables lists the non-empty variables of an environment that are part of a
// configuration.
func Variables(environ []string) []string {
	var names []string
	for _, pair := range environ {
		name, text, _ := strings.Cut(pair, "=")
		if text != "" && slices.ContainsFunc(table(), func(k Key) bool { return k.Variable == name && name != "" }) {
			names = append(names, name)
		}
	}
	return names
}

// FromEnv reads the LETTERLOCK_ variables of an environment in the form of
// os.Environ. An empty variable counts as absent, an unknown one is an error.
func FromEnv(environ []string) (Quick, error) {
	var q Quick
	known, f := variables(), newFindings("", nil)
	for _, pair := range environ {
		name, text, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, prefix) || name == fileVariable || text == "" || orchestrator.MatchString(name) {
			continue
		}
		i := slices.IndexFunc(known, func(k Key) bool { return k.Variable == name })
		switch {
		case i < 0:
			f.add(nil, name, "unknown variable", suggestVariable(name))
		case inQuotes(text):
			f.add(nil, name, "the quotes in "+text+" are part of the value", "leave the quotes out: a shell takes them off, but Docker's env files keep them")
		case q.set(known[i], text) != nil:
			f.add(nil, name, strconv.Quote(text)+" is neither true nor false", "set it to true or false")
		}
	}
	if len(f.errors) > 0 {
		return Quick{}, f.errors
	}
	return q, nil
}

// inQuotes reports whether a value begins and ends with the same quote.
func inQuotes(text string) bool {
	return len(text) > 1 && (text[0] == '"' || text[0] == '\'') && text[len(text)-1] == text[0]
}

// suggestVariable compares names without the prefix, which would make all names
// similar. It lists those of all services only: each service would add several.
func suggestVariable(name string) string {
	var names []string
	for _, k := range variables() {
		names = append(names, strings.TrimPrefix(k.Variable, prefix))
	}
	lower := strings.ToLower(strings.Join(names, " "))
	if n := nearest(strings.TrimPrefix(name, prefix), strings.Fields(lower)); n != "" {
		return "set " + prefix + strings.ToUpper(n)
	}
	return "the variables are " + prefix + strings.Join(names, ", "+prefix)
}

// split splits a list at commas and removes spaces around its entries.
func split(text string) []string {
	var words []string
	for word := range strings.SplitSeq(text, ",") {
		if word = strings.TrimSpace(word); word != "" {
			words = append(words, word)
		}
	}
	return words
}

// variableOf returns the flag and the variable that the value at a path came
// from: listeners[3].backend came from LETTERLOCK_BACKEND. For a mapping, such
// as acme, it returns the first variable in it.
func variableOf(path string) string {
	whole := withoutIndexes(path)
	for p := whole; p != ""; p = parent(p) {
		for _, k := range variables() {
			switch {
			case k.Path != p && !(p == whole && within(k.Path, whole)):
			case k.Flag != "":
				return "--" + k.Flag + " (" + k.Variable + ")"
			default:
				return k.Variable
			}
		}
	}
	return path
}

func portText(s Service) string { return strconv.Itoa(s.Port()) }
