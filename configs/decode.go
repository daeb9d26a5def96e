package configs

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// decoder fills Go values from a YAML tree, according to the Go type, and
// records the position of each value. The YAML library could fill them too, but
// its errors are not written for administrators, and it does not record the
// positions that the checks need.
//
// Anchors, aliases, merge keys and tags are errors: no configuration is long
// enough to need them, and with them a small file can expand to a huge one.
type decoder struct {
	*findings
}

// maxItems is the maximum length of lists of mappings: listeners, policies,
// certificates.
const maxItems = 2048

// wrong reports a node that could not be decoded, and records its path.
func (d decoder) wrong(n *yaml.Node, path, remedy, problem string, args ...any) {
	d.misread = append(d.misread, path)
	d.add(n, path, fmt.Sprintf(problem, args...), remedy)
}

// decode reports nodes that are never valid, and leaves the others to the
// decoder of the type.
func (d decoder) decode(n *yaml.Node, path string, into reflect.Value) {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		d.wrong(n, path, "write the value itself", "anchors and aliases are not used here")
		return
	case n.Style&yaml.TaggedStyle != 0:
		d.wrong(n, path, "leave the tag out", "tag %s is not used here", n.ShortTag())
		return
	case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null":
		d.wrong(n, path, "write a value or leave the key out", "%s has no value", lastKey(path))
		return
	}
	switch v := into.Addr().Interface().(type) {
	case *RequireTLS:
		d.requireTLS(n, path, v)
	case *time.Duration:
		d.duration(n, path, v)
	case encoding.TextUnmarshaler:
		d.text(n, path, v)
	default:
		d.plain(n, path, into)
	}
}

// plain decodes the types that have no UnmarshalText method.
func (d decoder) plain(n *yaml.Node, path string, into reflect.Value) {
	switch into.Kind() {
	case reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		d.decode(n, path, into.Elem())
	case reflect.Struct:
		d.mapping(n, path, into)
	case reflect.Slice:
		d.sequence(n, path, into)
	case reflect.String:
		if s, ok := d.scalar(n, path, "text"); ok {
			into.SetString(s)
		}
	case reflect.Int:
		d.integer(n, path, into)
	case reflect.Bool:
		d.boolean(n, path, into)
	}
}

// mapping decodes the known keys and continues after unknown ones. It also
// reports duplicate keys, which the library only reports when it constructs
// values.
func (d decoder) mapping(n *yaml.Node, path string, into reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.wrong(n, path, "write keys, each with a colon and a value; the keys are "+strings.Join(keys(into.Type()), ", "), "%s takes keys of its own, not %s", lastKey(path), kindWords(n))
		return
	}
	setDefaults(into)
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content) && !d.full(); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := join(path, key.Value)
		field, known := fieldOf(into, key)
		switch line, again := first[key.Value]; {
		case !known:
			d.wrong(key, at, unknownRemedy(key.Value, keys(into.Type())), "unknown key %s", shown(key))
		case again:
			d.wrong(key, at, "keep one of the two", "%s is already set in line %d", key.Value, line)
		default:
			first[key.Value] = key.Line
			d.places[at] = place{key, value}
			d.decode(value, at, field)
		}
	}
}

// fieldOf returns the field whose yaml tag is a key.
func fieldOf(v reflect.Value, key *yaml.Node) (reflect.Value, bool) {
	if key.Kind != yaml.ScalarNode || key.Anchor != "" || key.Style&yaml.TaggedStyle != 0 {
		return reflect.Value{}, false
	}
	for i := range v.NumField() {
		if field := v.Type().Field(i); field.IsExported() && field.Tag.Get("yaml") == key.Value {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

// keys lists the yaml keys of a struct type, in the order of its fields. A
// field without a key comes last.
func keys(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		if field := t.Field(i); field.IsExported() {
			names = append(names, field.Tag.Get("yaml"))
		}
	}
	return names
}

// unknownRemedy suggests the nearest key, or all keys if none is near.
func unknownRemedy(key string, known []string) string {
	if n := nearest(key, known); n != "" {
		return "write " + n
	}
	return "the keys are " + strings.Join(known, ", ")
}

// sequence decodes a list. A single value is not accepted as a list with one
// entry: a later edit would add a second entry after a comma, and get one text
// with a comma.
func (d decoder) sequence(n *yaml.Node, path string, into reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		d.wrong(n, path, "write it as a list: "+listExample(n), "%s takes a list, not %s", lastKey(path), kindWords(n))
		return
	}
	if into.Type().Elem().Kind() == reflect.Struct && len(n.Content) > maxItems {
		d.wrong(n, path, "split the installation", "%s has %d entries; at most %d are taken", lastKey(path), len(n.Content), maxItems)
		return
	}
	list := reflect.MakeSlice(into.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		d.places[at] = place{value: item}
		d.decode(item, at, list.Index(i))
		if d.full() {
			break
		}
	}
	into.Set(list)
}

// listExample formats a scalar as a list with one entry, which was probably
// meant.
func listExample(n *yaml.Node) string {
	const long = 64
	if n.Kind != yaml.ScalarNode || len(n.Value) > long || strings.ContainsAny(n.Value, ",[]{}#\"\n") {
		return "[one, two]"
	}
	return "[" + n.Value + "]"
}

// scalar returns the text of a value as it was written, so that 1.0 stays 1.0.
func (d decoder) scalar(n *yaml.Node, path, what string) (string, bool) {
	if n.Kind != yaml.ScalarNode {
		d.wrong(n, path, "write a single value", "%s takes %s, not %s", lastKey(path), what, kindWords(n))
		return "", false
	}
	return n.Value, true
}

// integer accepts decimal digits only: YAML 1.1 would read 010 as eight.
func (d decoder) integer(n *yaml.Node, path string, into reflect.Value) {
	s, ok := d.scalar(n, path, "a number")
	if !ok {
		return
	}
	if d.quoted(n, path, "a number") {
		return
	}
	number, err := strconv.Atoi(s)
	if err != nil || n.ShortTag() != "!!int" {
		d.wrong(n, path, "write digits only, such as "+strconv.Itoa(int(into.Int())), "%s is not a whole number", shown(n))
		return
	}
	into.SetInt(int64(number))
}

// boolean accepts true and false only: YAML 1.1 treats on and yes as true, YAML
// 1.2 as text.
func (d decoder) boolean(n *yaml.Node, path string, into reflect.Value) {
	s, ok := d.scalar(n, path, "true or false")
	if !ok {
		return
	}
	if d.quoted(n, path, "true or false") {
		return
	}
	if n.ShortTag() != "!!bool" {
		d.wrong(n, path, "write true or false", "%s is neither true nor false", shown(n))
		return
	}
	into.SetBool(strings.EqualFold(s, "true"))
}

// quoted refuses a number or truth value in quotes, which editors and schemas
// treat as text.
func (d decoder) quoted(n *yaml.Node, path, what string) bool {
	quoted := n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0
	if quoted {
		d.wrong(n, path, "leave the quotes out", "%s takes %s; in quotes it is text", lastKey(path), what)
	}
	return quoted
}

// duration requires a unit: a bare 10 means seconds in one program and
// milliseconds in another.
func (d decoder) duration(n *yaml.Node, path string, into *time.Duration) {
	s, ok := d.scalar(n, path, "a duration")
	if !ok {
		return
	}
	duration, err := time.ParseDuration(s)
	if err != nil {
		d.wrong(n, path, "write a number and a unit, such as 30s, 5m or 1h30m", "%s is not a duration", shown(n))
		return
	}
	*into = duration
}

// text calls the type's UnmarshalText, whose errors say what to write.
func (d decoder) text(n *yaml.Node, path string, into encoding.TextUnmarshaler) {
	s, ok := d.scalar(n, path, "a single value")
	if !ok {
		return
	}
	remedy := ""
	if _, network := into.(*Network); network {
		remedy = networkRemedy
	}
	if err := into.UnmarshalText([]byte(s)); err != nil {
		d.wrong(n, path, remedy, "%v", err)
	}
}

// shown quotes a key or a value, shortened if it is very long.
func shown(n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode {
		return kindWords(n)
	}
	source, _ := excerpt(n.Value, 1)
	return strconv.Quote(source)
}

// kindWords describes a node's kind, for a sentence with "not".
func kindWords(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys"
	case yaml.SequenceNode:
		return "a list"
	default:
		return "a single value"
	}
}

// lastKey returns the last key of a path.
func lastKey(path string) string {
	if path == "" {
		return "the file"
	}
	return path[strings.LastIndexByte(path, '.')+1:]
}
