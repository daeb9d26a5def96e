package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// signals returns two contexts: the first ends with the first SIGINT or
// SIGTERM, the second with the next.
func signals() (first, second context.Context) {
	first, one := context.WithCancel(context.Background())
	second, two := context.WithCancel(context.Background())
	caught := make(chan os.Signal, 2)
	signal.Notify(caught, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-caught
		one()
		<-caught
		two()
	}()
	return first, second
}

// hangups receives each SIGHUP, by which systemctl reload requests a reload.
func hangups() <-chan os.Signal {
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGHUP)
	return caught
}
