package configs

import (
	"encoding"
	"reflect"
	"strconv"
	"time"
)

// Default returns the configuration that a file starts from: each key has its
// default, and there are no listeners.
func Default() Config {
	var c Config
	setDefaults(reflect.ValueOf(&c).Elem())
	return c
}

// setDefaults gives the zero fields of a struct, and of the structs in it, the
// defaults in their tags. Pointers stay nil: an absent *bool means its default,
// see Listener.ReceivedOn.
func setDefaults(v reflect.Value) {
	for i := range v.NumField() {
		tag, into := v.Type().Field(i).Tag, v.Field(i)
		text := tag.Get("default")
		switch {
		case tag.Get("yaml") == "":
		case into.Kind() == reflect.Struct:
			setDefaults(into)
		case text != "" && into.IsZero():
			_ = setText(into, text) // TestTags checks all defaults
		}
	}
}

// defaultDuration returns the default of a key.
func defaultDuration(path string) time.Duration {
	k, _ := keyAt(path)
	d, _ := time.ParseDuration(k.Default)
	return d
}

// setText sets a single value from the text of a tag or a variable.
func setText(v reflect.Value, text string) error {
	if d, ok := v.Addr().Interface().(*time.Duration); ok {
		parsed, err := time.ParseDuration(text)
		*d = parsed
		return err
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Int:
		n, err := strconv.Atoi(text)
		v.SetInt(int64(n))
		return err
	case reflect.Bool:
		yes, err := strconv.ParseBool(text)
		v.SetBool(yes)
		return err
	}
	return nil
}
