package configs_test

import (
	"errors"
	"fmt"

	"github.com/letterlock/letterlock/configs"
)

func ExampleParse() {
	config, err := configs.Parse("letterlock.yaml", []byte(`
hostname: mail.example.com
listeners:
  - {service: imap, backend: "10.0.0.10"}
  - {service: submissions, backend: "10.0.0.10"}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, listener := range config.Listeners {
		fmt.Println(listener.Service, listener.Listen, listener.Backend)
	}
	// Output:
	// imap :143 10.0.0.10:143
	// submissions :465 10.0.0.10:587
}

// All errors of a file are reported at once, each with its position, its key,
// the problem and the remedy.
func ExampleErrors() {
	_, err := configs.Parse("letterlock.yaml", []byte(`
hostname: mail.example.com
listeners:
  - {service: imapz, backend: "10.0.0.10"}
  - {service: imap, bakend: "10.0.0.10"}
`))
	var all configs.Errors
	if errors.As(err, &all) {
		for _, each := range all {
			fmt.Printf("line %d, column %d: %s\n", each.Line, each.Column, each.Key)
		}
	}
	// Output:
	// line 4, column 15: listeners[0].service
	// line 5, column 21: listeners[1].bakend
}

// A simple configuration needs two settings.
func ExampleSimple() {
	config, err := configs.Simple(configs.Quick{Hostname: "mail.example.com", Backend: "10.0.0.10"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, listener := range config.Listeners {
		fmt.Print(listener.Service, " ")
	}
	// Output: smtp submission submissions imap imaps pop3 pop3s sieve
}
