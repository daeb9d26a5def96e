// Package configs holds the configuration: its Go types, its defaults, and a
// strict parser for the file or the environment variables.
//
// A configuration is loaded in three steps. The YAML text is decoded, with a
// check of every key and type; absent values are set; then each rule of the
// check tables checks the result. All errors are reported at once, as [Errors],
// each with its position and what to write instead, so that one edit can fix
// them all.
//
// The package opens no sockets and reads no certificates; a [Machine] checks
// that the named files exist.
//
// The API of this package, of tlspolicy and of the packages below tlspolicy is
// stable by semantic versioning, from version 1.0 on. All other packages are
// parts of the program and may change with each release.
package configs
