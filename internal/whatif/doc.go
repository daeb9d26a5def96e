// Package whatif answers which clients of an inventory a TLS policy would refuse, and
// proposes policy exceptions that would admit them.
package whatif
