// Package packaging holds the files that are shipped beside the program: units of
// systemd, and the files of the packages. Its only code is tests.
package packaging
