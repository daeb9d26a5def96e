// Package packaging holds what is shipped beside the program: units of systemd,
// and what the packages install. It has no code but tests.
package packaging
