package configs

import (
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/letterlock/letterlock/tlspolicy"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// Key describes one key of the configuration file. All facts about a key are at
// its field, in Config or in a type below it: the yaml tag is its name, the
// comment its description, and the tags below have the rest. Defaults, checks,
// schema, reference, flags and variables read them here, so that a new key is a
// field and its use.
//
//	default   the value of an absent key; none if it depends on other keys
//	min, max  bounds of a number or a duration; min of a list counts entries
//	words     the values that it accepts, {name} for those of a vocabulary
//	suggest   examples of values, if others are accepted too
//	required  true if a file must have it
//	services  those whose listeners may have it, {name} for a group
//	example   values in the reference if not the default; see Examples
//	var       its environment variable, without LETTERLOCK_
//	each      true if each service has a variable of its own too
//	flag      its flag, without dashes
//	usage     the flag's help, the name of its value in < >
type Key struct {
	Path     string // such as limits.connections; an entry of a list is name[]
	Text     string // its text in the reference: description, services, bounds, default
	Default  string
	Min, Max string
	Words    []string
	Open     bool // other values than Words are accepted too
	Required bool
	Services []Service // nil: every service, or not a listener's key
	Variable string    // with the prefix
	Each     bool      // each service has a variable too: LETTERLOCK_IMAP_BACKEND
	Flag     string
	Usage    string   // the name of the flag's value in backquotes
	Examples []string // by entry of the list that the key is in; "" if the entry lacks it

	field reflect.StructField
}

// Keys lists all keys in the order of the reference file.
func Keys() []Key {
	keys := slices.Clone(table())
	texts := descriptions()
	for i := range keys {
		keys[i].Text = texts[keys[i].Path]
	}
	return keys
}

// About returns the first sentence of the description.
func (k Key) About() string {
	first, _, _ := strings.Cut(k.Text, ". ")
	first, _, _ = strings.Cut(first, "\n")
	return strings.TrimSuffix(first, ".")
}

// table holds the keys; it is filled once, because the types do not change.
var table = sync.OnceValue(func() []Key { return keysOf(reflect.TypeFor[Config](), "") })

// keysOf returns the keys of a type and of the types below it.
func keysOf(t reflect.Type, path string) []Key {
	switch t.Kind() {
	case reflect.Pointer:
		return keysOf(t.Elem(), path)
	case reflect.Slice:
		return keysOf(t.Elem(), path+"[]")
	case reflect.Struct:
		return keysOfStruct(t, path)
	}
	return nil
}

func keysOfStruct(t reflect.Type, path string) []Key {
	var all []Key
	for i := range t.NumField() {
		if field := t.Field(i); field.Tag.Get("yaml") != "" {
			k := keyOf(field, path)
			all = append(append(all, k), keysOf(field.Type, k.Path)...)
		}
	}
	return all
}

// keyOf reads the tags of a field.
func keyOf(field reflect.StructField, path string) Key {
	tag := field.Tag.Get
	k := Key{
		Path: join(path, tag("yaml")), Default: tag("default"), Min: tag("min"), Max: tag("max"), Required: tag("required") == "true",
		Services: servicesIn(tag("services")), Flag: tag("flag"), Usage: strings.NewReplacer("<", "`", ">", "`").Replace(tag("usage")),
		Words: wordsIn(tag("words")), field: field,
	}
	if suggest := tag("suggest"); suggest != "" {
		k.Words, k.Open = wordsIn(suggest), true
	}
	if name := tag("var"); name != "" && quickHas(k.Path) {
		k.Variable, k.Each = prefix+name, tag("each") == "true"
	}
	if example := tag("example"); example != "" {
		for text := range strings.SplitSeq(example, "|") {
			k.Examples = append(k.Examples, strings.TrimSpace(text))
		}
	}
	return k
}

// wordsIn parses a tag of words; {name} stands for those of a vocabulary.
func wordsIn(tag string) []string {
	switch tag {
	case "":
		return nil
	case "{policies}":
		return tlspolicy.Names()
	case "{levels}":
		return outbound.Levels()
	case "{services}":
		return words(Services())
	case "{handovers}":
		return handoverNames()
	case "{versions}":
		return []string{"1.0", "1.1", "1.2", "1.3"}
	}
	return strings.Fields(tag)
}

// servicesIn parses a tag of services. {inbound} are the services with a
// backend; {login} are those where every client logs in.
func servicesIn(tag string) []Service {
	switch tag {
	case "{inbound}":
		return Inbound()
	case "{login}":
		return loginServices
	}
	var all []Service
	for name := range strings.FieldsSeq(tag) {
		all = append(all, Service(name))
	}
	return all
}

// keyAt returns the key at a path, whose indexes may be [] or numbers.
func keyAt(path string) (Key, bool) {
	plain := withoutIndexes(path)
	i := slices.IndexFunc(table(), func(k Key) bool { return k.Path == plain })
	if i < 0 {
		return Key{}, false
	}
	return table()[i], true
}

// withoutIndexes replaces indexes: listeners[3].backend becomes
// listeners[].backend.
func withoutIndexes(path string) string {
	var b strings.Builder
	inside := false
	for _, c := range path {
		if c == '[' || c == ']' {
			inside = c == '['
		}
		if !inside || c == '[' {
			b.WriteRune(c)
		}
	}
	return b.String()
}
