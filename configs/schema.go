package configs

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/letterlock/letterlock/tlspolicy"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
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

// Schema is the JSON Schema of a configuration file, for editors that
// complete keys and mark slips while they are made. It cannot tell all that
// Parse can.
func Schema() ([]byte, error) {
	texts, err := descriptions()
	if err != nil {
		return nil, err
	}
	s := schemaOf(reflect.ValueOf(Default()), "", texts)
	s.Schema = "https://json-schema.org/draft/2020-12/schema"
	s.Title = "Letterlock configuration"
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	return append(text, '\n'), nil
}

// schemaOf describes the type of a value; the value itself is the default.
func schemaOf(v reflect.Value, path string, texts map[string]string) *schema {
	s := &schema{}
	switch v.Interface().(type) {
	case time.Duration:
		s.Type, s.Pattern = "string", `^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`
		if v.Int() != 0 {
			s.Default = short(time.Duration(v.Int()))
		}
	case RequireTLS:
		s.AnyOf = []*schema{{Type: "boolean"}, {Type: "array", Items: &schema{Type: "string"}}}
	case Date:
		s.Type, s.Pattern = "string", `^[0-9]{4}-[0-9]{2}-[0-9]{2}$`
	case Network, tlspolicy.Version, tlspolicy.Suite, tlspolicy.Group, tlspolicy.Pin, outbound.Sum:
		s.Type = "string"
	default:
		s = schemaOfKind(v, path, texts)
	}
	if words, closed := enumAt(path); closed {
		s.Type, s.Enum = "", words
	} else if words != nil {
		s.Type, s.AnyOf = "", []*schema{{Enum: words}, {Type: "string"}}
	}
	s.Description = texts[path]
	return s
}

// schemaOfKind describes a type by its kind alone. An absent default is the
// zero value, which is not worth telling.
func schemaOfKind(v reflect.Value, path string, texts map[string]string) *schema {
	switch v.Kind() {
	case reflect.Pointer:
		return schemaOf(reflect.Zero(v.Type().Elem()), path, texts)
	case reflect.Struct:
		return schemaOfStruct(v, path, texts)
	case reflect.Slice:
		item := schemaOf(reflect.Zero(v.Type().Elem()), path+"[]", texts)
		return &schema{Type: "array", Items: item, MinItems: leastItems[path]}
	case reflect.Int:
		low, high := limitsAt(path)
		return &schema{Type: "integer", Minimum: low, Maximum: high, Default: v.Int()}
	case reflect.Bool:
		return &schema{Type: "boolean"}
	}
	s := &schema{Type: "string"}
	if v.Len() > 0 {
		s.Default = v.String()
	}
	return s
}

// schemaOfStruct allows no other keys, as the decoder does not.
func schemaOfStruct(v reflect.Value, path string, texts map[string]string) *schema {
	closed := false
	s := &schema{Type: "object", Properties: map[string]*schema{}, Required: required[path], Additional: &closed}
	for i, key := range keys(v.Type()) {
		s.Properties[key] = schemaOf(v.Field(i), join(path, key), texts)
	}
	return s
}

// required names the keys without which a mapping is refused.
var required = map[string][]string{
	"":               {"listeners"},
	"certificates[]": {"cert", "key"},
	"acme.eab":       {"kid", "key_file"},
	"mta_sts":        {"domains"},
	"policies[]":     {"name", "base"},
	"backends[]":     {"name", "addresses"},
	"listeners[]":    {"service"},

	"smarthost.client_certificate": {"cert", "key"},
	"smarthost.destinations[]":     {"domains"},

	"listeners[].exceptions[]": {"networks", "policy", "until"},
}

// leastItems names the lists that may not be empty.
var leastItems = map[string]int{
	"listeners": 1, "listeners[].exceptions[].networks": 1, "policies[].suites": 1, "policies[].groups": 1,
	"backends[].addresses": 1, "backends[].pin": 1, "smarthost.clients": 1, "smarthost.destinations[].domains": 1,
}

// enumAt gives the words that may stand at a path, and whether no others may.
func enumAt(path string) (words []any, closed bool) {
	switch path {
	case "mta_sts.mode":
		return anys(STSModes()), true
	case "log.format":
		return anys(logFormats), true
	case "log.level":
		return anys(logLevels), true
	case "log.header":
		return anys(logHeaders), true
	case "listeners[].service":
		return anys(Services()), true
	case "listeners[].bare_newline":
		return anys(bareNewlines), true
	case "listeners[].handover":
		return anys(handoverNames()), true
	case "listeners[].sni":
		return anys(sniWays), true
	case "listeners[].client_certificates":
		return anys(clientCertificates), true
	case "smarthost.level", "smarthost.destinations[].level":
		return anys(outbound.Levels()), true
	case "listeners[].policy", "listeners[].exceptions[].policy", "smarthost.destinations[].policy":
		return anys(tlspolicy.Names()), false
	case "policies[].base":
		return anys(tlspolicy.Names()), true
	case "listeners[].backend_login":
		return anys(backendLogins), true
	case "backends[].balance":
		return anys(balances), true
	case "backends[].tls":
		return anys(legs), true
	case "policies[].min_version", "policies[].max_version", "backends[].min_version":
		// YAML takes 1.2 without quotes for a number
		return []any{1.0, 1.1, 1.2, 1.3, "1.0", "1.1", "1.2", "1.3"}, true
	}
	return nil, false
}

// limitsAt gives the bounds of a limit, nil for all other numbers.
func limitsAt(path string) (low, high *int) {
	for _, b := range limitBounds {
		if join("limits", b.key) == path {
			return &b.min, &b.max
		}
	}
	for _, b := range logBounds {
		if join("log", b.key) == path {
			return &b.min, &b.max
		}
	}
	switch path {
	case "inventory.entries":
		return &leastEntries, &mostEntries
	case "smarthost.max_message":
		return &leastMessage, &mostMessage
	}
	return nil, nil
}

func anys[T any](values []T) []any {
	all := make([]any, len(values))
	for i, v := range values {
		all[i] = v
	}
	return all
}
