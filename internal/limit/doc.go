// Package limit counts what clients hold at the same time, and decides who
// makes room when there is no more.
package limit
