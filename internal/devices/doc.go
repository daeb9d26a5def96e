// Package devices decides which devices may send mail through the smarthost: it
// knows their networks and passwords, and the senders, the rate and the last day of
// each.
package devices
