package main

import (
	"errors"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/certs"
)

// placed gives an error about a file the place of the key that names it. Other
// errors stay as they are.
func placed(c *configs.Config, err error) error {
	fault, ok := errors.AsType[*certs.Fault](err)
	if !ok {
		return err
	}
	kind := configs.PublicFile
	if fault.What == "key" {
		kind = configs.SecretFile
	}
	key, ok := c.KeyOf(fault.File, kind)
	if !ok {
		return err
	}
	return configs.Errors{c.Wrong(key, fault.Error(), fault.Remedy)}
}
