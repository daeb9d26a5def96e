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

// Variable is an environment variable that sets a key.
type Variable struct {
	Name    string // with the prefix
	Key     Key
	Service Service // the service whose listener has the key; empty: the key of all services
}

// Variables lists all environment variables: first those of all services, in the
// order of the keys, then those of each service.
func Variables() []Variable {
	var all, own []Variable
	for _, k := range table() {
		if k.Variable != "" {
			all = append(all, Variable{Name: k.Variable, Key: k})
		}
	}
	for _, service := range Inbound() {
		for _, v := range all {
			if v.Key.Each {
				name := prefix + strings.ToUpper(string(service)) + "_" + strings.TrimPrefix(v.Name, prefix)
				own = append(own, Variable{Name: name, Key: v.Key, Service: service})
			}
		}
	}
	return slices.Concat(all, own)
}

// set sets the field of q for a variable to its value.
func (q *Quick) set(v Variable, text string) error {
	if v.Service == "" {
		return setKey(reflect.ValueOf(q).Elem(), v.Key.Path, text)
	}
	own := q.Each[v.Service]
	err := setKey(reflect.ValueOf(&own).Elem(), v.Key.Path, text)
	if q.Each == nil {
		q.Each = map[Service]QuickListener{}
	}
	q.Each[v.Service] = own
	return err
}

// setKey sets the field of a struct whose tag names a key. The field may stand
// for the mapping that contains the key, as ACME does; setKey then finds the key
// in it by the yaml tags.
func setKey(v reflect.Value, path, text string) error {
	for i := range v.NumField() {
		at := v.Type().Field(i).Tag.Get("key")
		if at == "" || !within(path, at) {
			continue
		}
		into := v.Field(i)
		for step := range strings.FieldsFuncSeq(strings.TrimPrefix(path, at), func(c rune) bool { return c == '.' }) {
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
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		return setText(v.Elem(), text)
	}
	if v.Kind() != reflect.Slice {
		return setText(v, text)
	}
	for _, word := range split(text) {
		entry := reflect.New(v.Type().Elem()).Elem()
		if err := setText(entry, word); err != nil {
			return err
		}
		v.Set(reflect.Append(v, entry))
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
func SetVariables(environ []string) []Variable {
	var set []Variable
	known := Variables()
	for _, pair := range environ {
		name, text, _ := strings.Cut(pair, "=")
		if i := variableNamed(known, name); i >= 0 && text != "" {
			set = append(set, known[i])
		}
	}
	return set
}

func variableNamed(known []Variable, name string) int {
	return slices.IndexFunc(known, func(v Variable) bool { return v.Name == name })
}

// FileFromEnv returns the path of the configuration file in LETTERLOCK_CONFIG;
// empty: none.
func FileFromEnv(environ []string) (string, error) {
	for _, pair := range environ {
		if text, ok := strings.CutPrefix(pair, fileVariable+"="); ok && inQuotes(text) {
			f := newFindings("", nil)
			f.quoted(fileVariable, text)
			return "", f.errors
		} else if ok {
			return text, nil
		}
	}
	return "", nil
}

// FromEnv reads the LETTERLOCK_ variables of an environment in the form of
// os.Environ. An empty variable counts as absent, an unknown one is an error.
func FromEnv(environ []string) (Quick, error) {
	var q Quick
	known, f := Variables(), newFindings("", nil)
	for _, pair := range environ {
		name, text, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, prefix) || name == fileVariable || text == "" || orchestrator.MatchString(name) {
			continue
		}
		i := variableNamed(known, name)
		switch {
		case i < 0:
			f.add(nil, name, "unknown variable", suggestVariable(name))
		case inQuotes(text):
			f.quoted(name, text)
		default:
			if err := q.set(known[i], text); err != nil {
				f.unreadable(known[i], text, err)
			}
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

// quoted reports a variable whose value is in quotes.
func (f *findings) quoted(name, text string) {
	f.add(nil, name, "the quotes in "+text+" are part of the value",
		"leave the quotes out: a shell and docker compose remove them, but `docker run --env-file` keeps them")
}

// unreadable reports a variable whose value cannot be read.
func (f *findings) unreadable(v Variable, text string, err error) {
	if t := v.Key.field.Type; t.Kind() == reflect.Bool || t == reflect.TypeFor[*bool]() {
		f.add(nil, v.Name, strconv.Quote(text)+" is neither true nor false", "set it to true or false")
		return
	}
	f.add(nil, v.Name, err.Error(), networkRemedy)
}

// suggestVariable compares names without the prefix, which would make all names
// similar. It lists those of all services only: each service would add several.
func suggestVariable(name string) string {
	var names, general []string
	for _, v := range Variables() {
		names = append(names, strings.ToLower(strings.TrimPrefix(v.Name, prefix)))
		if v.Service == "" {
			general = append(general, v.Name)
		}
	}
	if n := nearest(strings.TrimPrefix(name, prefix), names); n != "" {
		return "set " + prefix + strings.ToUpper(n)
	}
	return "the variables are " + strings.Join(general, ", ") + "; and for one service " + strings.Join(ofService(IMAP), ", ") + " and so on"
}

// ofService lists the names of the variables of a service.
func ofService(s Service) []string {
	var names []string
	for _, v := range Variables() {
		if v.Service == s {
			names = append(names, v.Name)
		}
	}
	return names
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
// from: listeners[3].backend came from LETTERLOCK_BACKEND, or from
// LETTERLOCK_IMAP_BACKEND if that is set. For a mapping, such as acme, it returns
// the first variable in it.
func (q Quick) variableOf(path string) string {
	whole := withoutIndexes(path)
	own := q.serviceAt(path)
	for p := whole; p != ""; p = parent(p) {
		for _, v := range Variables() {
			switch {
			case v.Key.Path != p && !(p == whole && within(v.Key.Path, whole)):
			case v.Service != "":
			case q.sets(own, v.Key):
				return prefix + strings.ToUpper(string(own)) + "_" + strings.TrimPrefix(v.Name, prefix)
			case v.Key.Flag != "":
				return "--" + v.Key.Flag + " (" + v.Name + ")"
			default:
				return v.Name
			}
		}
	}
	return path
}

// listenerIndex matches the path of a listener and of what is below it.
var listenerIndex = regexp.MustCompile(`^listeners\[(\d+)\]`)

// serviceAt returns the service of the listener at a path. It is empty for other paths.
func (q Quick) serviceAt(path string) Service {
	m := listenerIndex.FindStringSubmatch(path)
	if m == nil {
		return ""
	}
	all := q.services()
	if i, err := strconv.Atoi(m[1]); err == nil && i < len(all) {
		return all[i]
	}
	return ""
}

// sets reports whether a service has a value of its own for a key.
func (q Quick) sets(s Service, k Key) bool {
	v := reflect.ValueOf(q.Each[s])
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("key") == k.Path {
			return !v.Field(i).IsZero()
		}
	}
	return false
}

func portText(s Service) string { return strconv.Itoa(s.Port()) }
