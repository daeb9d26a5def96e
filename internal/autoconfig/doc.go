// Package autoconfig answers mail programs that set themselves up from an address:
// Thunderbird's autoconfig, Microsoft's Autodiscover in XML and JSON, and profiles for
// Apple's devices.
//
// The answers depend on the domain of the address and on the configuration, never on
// whether the user exists. Programs of other domains get 404.
package autoconfig
