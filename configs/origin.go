package configs

import "go.yaml.in/yaml/v4"

// origin is where a configuration has come from: the text with the places of
// its keys, and the machine that it is for.
type origin struct {
	*findings
	machine Machine
}

// Wrong returns an Error about a key such as certificates[0].key, for what is
// found out after the configuration was checked. It points at the value of the
// key, or at what encloses it if the text has none.
func (c *Config) Wrong(key, problem, remedy string) *Error {
	if c.origin.findings == nil {
		return &Error{Key: key, Problem: problem, Remedy: remedy}
	}
	at := c.origin.places[c.origin.nearest(key)]
	return c.origin.errorAt(at.ofValue(), key, problem, remedy)
}

// written returns the text of a scalar as the file has it, before anything was
// completed.
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
