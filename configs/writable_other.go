//go:build !unix

package configs

// writable is not known here before a file is made.
func writable(string) error { return nil }
