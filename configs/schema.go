package configs

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"github.com/letterlock/letterlock/tlspolicy"
)

// schema is the part of JSON Schema (draft 2020-12) that a configuration
// needs.
type schema struct {
	Schema      string             `json:"$schema,omitempty"`
	Title       string             `json:"title,omitempty"`
	Description string             `json:"description,omitempty"`
	Type        string             `json:"type,omitempty"`
	Enum        []any              `json:"enum,omitempty"`
	AnyOf       []*schema          `json:"anyOf,omitempty"`
	Pattern     string             `json:"pattern,omitempty"`
	Minimum     *int               `json:"minimum,omitempty"`
	Maximum     *int               `json:"maximum,omitempty"`
	Default     any                `json:"default,omitempty"`
	Items       *schema            `json:"items,omitempty"`
	MinItems    int                `json:"minItems,omitempty"`
	Properties  map[string]*schema `json:"properties,omitempty"`
	Required    []string           `json:"required,omitempty"`
	Additional  *bool              `json:"additionalProperties,omitempty"`
}

// Schema returns the JSON Schema of a configuration file, for editors that
// complete keys and mark errors. It cannot express all that Parse checks.
func Schema() ([]byte, error) {
	s := schemaOf(reflect.TypeFor[Config](), Key{}, descriptions())
	s.Schema = "https://json-schema.org/draft/2020-12/schema"
	s.Title = "Letterlock configuration"
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	return append(text, '\n'), nil
}

// schemaOf describes the values of a key of type t. texts are the descriptions
// by path.
func schemaOf(t reflect.Type, k Key, texts map[string]string) *schema {
	if t.Kind() == reflect.Pointer {
		return schemaOf(t.Elem(), k, texts)
	}
	s := schemaOfType(t, k, texts)
	if values := enumOf(t, k.Words); k.Open {
		s.Type, s.AnyOf = "", []*schema{{Enum: values}, {Type: "string"}}
	} else if values != nil {
		s.Type, s.Enum = "", values
	}
	s.Default = defaultOf(t, k.Default)
	s.Description = texts[k.Path]
	return s
}

// schemaOfType describes a type without the words of its key.
func schemaOfType(t reflect.Type, k Key, texts map[string]string) *schema {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return &schema{Type: "string", Pattern: `^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`}
	case reflect.TypeFor[RequireTLS]():
		return &schema{AnyOf: []*schema{{Type: "boolean"}, {Type: "array", Items: &schema{Type: "string"}}}}
	case reflect.TypeFor[Date]():
		return &schema{Type: "string", Pattern: `^[0-9]{4}-[0-9]{2}-[0-9]{2}$`}
	case reflect.TypeFor[Network]():
		return &schema{Type: "string"}
	}
	switch {
	case t.Kind() == reflect.Struct:
		return schemaOfStruct(t, k.Path, texts)
	case t.Kind() == reflect.Slice:
		least, _ := strconv.Atoi(k.Min)
		return &schema{Type: "array", Items: schemaOf(t.Elem(), Key{Path: k.Path + "[]"}, texts), MinItems: least}
	case t == reflect.TypeFor[int]():
		s := &schema{Type: "integer"}
		if low, high, bounded := k.numbers(); bounded {
			s.Minimum, s.Maximum = &low, &high
		}
		return s
	case t.Kind() == reflect.Bool:
		return &schema{Type: "boolean"}
	}
	return &schema{Type: "string"}
}

// schemaOfStruct allows no other keys, like the decoder.
func schemaOfStruct(t reflect.Type, path string, texts map[string]string) *schema {
	closed := false
	s := &schema{Type: "object", Properties: map[string]*schema{}, Additional: &closed}
	for i := range t.NumField() {
		name := t.Field(i).Tag.Get("yaml")
		if name == "" {
			continue
		}
		k := keyOf(t.Field(i), path)
		s.Properties[name] = schemaOf(t.Field(i).Type, k, texts)
		if k.Required {
			s.Required = append(s.Required, name)
		}
	}
	return s
}

// enumOf returns the words of a key as JSON values. YAML reads a version
// without quotes as a number.
func enumOf(t reflect.Type, words []string) []any {
	var values []any
	if t == reflect.TypeFor[tlspolicy.Version]() {
		for _, w := range words {
			number, _ := strconv.ParseFloat(w, 64)
			values = append(values, number)
		}
	}
	for _, w := range words {
		values = append(values, w)
	}
	return values
}

// defaultOf returns a default as a JSON value; nil if the key has none.
func defaultOf(t reflect.Type, text string) any {
	switch {
	case text == "":
		return nil
	case t.Kind() == reflect.Bool || t == reflect.TypeFor[RequireTLS]():
		return text == "true"
	case t == reflect.TypeFor[int]():
		number, _ := strconv.Atoi(text)
		return number
	}
	return text
}
