//go:build !linux

package proxy

import "net"

// lot parks nothing here: silent directions keep their goroutines, and the end
// of a client that nobody reads is noticed when its session's deadline ends.
type lot struct{}

type spot struct{}

func newLot() (*lot, error)                { return &lot{}, nil }
func (*lot) park(*pipe) bool               { return false }
func (*lot) watch(waiter, *spot, net.Conn) {}
func (*lot) leave(*spot)                   {}
func (*lot) close()                        {}
