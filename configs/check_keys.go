package configs

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// checkAllKeys checks each value against the bounds and words of its key.
func checkAllKeys(c *Config, _ Machine, r report) { checkKeys(reflect.ValueOf(*c), r) }

// checkKeys checks the fields of a struct, and of the structs in it. A listener
// of an unknown service is left out, since its keys have no meaning.
func checkKeys(v reflect.Value, r report) {
	if l, ok := v.Interface().(Listener); ok && !l.Service.known() {
		return
	}
	for i := range v.NumField() {
		if field := v.Type().Field(i); field.Tag.Get("yaml") != "" {
			checkKey(keyOf(field, ""), v.Field(i), r.in(field.Tag.Get("yaml")))
		}
	}
}

// checkKey checks one value. An absent key is not checked, and an empty value of
// a required key is left to the check that demands it.
func checkKey(k Key, v reflect.Value, at report) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			checkKey(k, v.Elem(), at)
		}
	case reflect.Struct:
		checkKeys(v, at)
	case reflect.Slice:
		for i := range v.Len() {
			if v.Index(i).Kind() == reflect.Struct {
				checkKeys(v.Index(i), at.item(i))
			}
		}
	default:
		if !v.IsZero() || at.given() && !k.Required {
			checkValue(k, v, at)
		}
	}
}

func checkValue(k Key, v reflect.Value, at report) {
	switch value := v.Interface().(type) {
	case time.Duration:
		low, high, ok := k.durations()
		if ok && (value < low || value > high) {
			at.wrong(k.boundsRemedy("duration"), "%s cannot be %s", k.Path, short(value))
		}
	case int:
		low, high, ok := k.numbers()
		if ok && (value < low || value > high) {
			at.wrong(k.boundsRemedy("number"), "%s cannot be %d", k.Path, value)
		}
	default:
		if v.Kind() == reflect.String && len(k.Words) > 0 && !k.Open && !slices.Contains(k.Words, v.String()) {
			at.wrong(suggest(v.String(), k.Words), "%s cannot be %q", k.Path, v.String())
		}
	}
}

// numbers returns the bounds of a number; ok is false if it has none.
func (k Key) numbers() (low, high int, ok bool) {
	low, errLow := strconv.Atoi(k.Min)
	high, errHigh := strconv.Atoi(k.Max)
	return low, high, errLow == nil && errHigh == nil
}

// durations returns the bounds of a duration; ok is false if it has none.
func (k Key) durations() (low, high time.Duration, ok bool) {
	low, errLow := time.ParseDuration(k.Min)
	high, errHigh := time.ParseDuration(k.Max)
	return low, high, errLow == nil && errHigh == nil
}

func (k Key) boundsRemedy(kind string) string {
	text := fmt.Sprintf("write a %s from %s to %s", kind, k.Min, k.Max)
	if k.Default != "" {
		text += "; without the key it is " + k.Default
	}
	return text
}

// short formats a duration without zero units: 5m, not 5m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
