//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// upgradeSignals receives each SIGUSR2, which asks for an upgrade.
func upgradeSignals() <-chan os.Signal {
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGUSR2)
	return caught
}
