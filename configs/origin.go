package configs

import "go.yaml.in/yaml/v4"

// origin is the source of a configuration: the text with the positions of its
// keys, and the machine that it is for.
type origin struct {
	*findings
	machine Machine
}

// Wrong returns an Error about a key such as certificates[0].key, for errors
// that are found after the configuration was checked. It points at the value of
// the key, or at the mapping around it if the text has none.
func (c *Config) Wrong(key, problem, remedy string) *Error {
	if c.origin.findings == nil {
		return &Error{Key: key, Problem: problem, Remedy: remedy}
	}
	at := c.origin.places[c.origin.nearest(key)]
	return c.origin.errorAt(at.ofValue(), key, problem, remedy)
}

// written returns the text of a scalar as in the file, before defaults were
// set.
func (c *Config) written(key string) (text string, ok bool) {
	if c.origin.findings == nil {
		return "", false
	}
	p, ok := c.origin.places[key]
	if !ok || p.value == nil || p.value.Kind != yaml.ScalarNode {
		return "", false
	}
	return p.value.Value, true
}
