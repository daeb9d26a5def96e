//go:build !unix

package main

import "os"

// upgradeSignals returns nil: no signal asks for an upgrade.
func upgradeSignals() <-chan os.Signal { return nil }
