// Package importer reads the configuration of another mail proxy or server and
// writes a Letterlock configuration that does the same.
//
// Each format has a reader of its own, which turns files into settings with
// their lines, and settings into services. The writer turns the services into
// YAML. A setting that no service uses is reported with its line and the reason.
// The package opens no files: it names includes and does not follow them.
package importer
