//go:build linux

package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/letterlock/letterlock/bench/report"
)

// machine describes the machine of the measurement.
func machine(o *options, rounds int) report.Run {
	return report.Run{
		Command: o.command, Rounds: rounds,
		Machine: fmt.Sprintf("%d × %s, %s, Linux %s, %s", runtime.NumCPU(),
			field("/proc/cpuinfo", "model name", ":"), field("/etc/os-release", "PRETTY_NAME", "="),
			field("/proc/sys/kernel/osrelease", "", ""), runtime.Version()),
	}
}

// field reads a value from a file in /proc with names and values; with an empty
// name, the whole first line.
func field(file, name, separator string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(text)) {
		if name == "" {
			return strings.TrimSpace(line)
		}
		if key, value, ok := strings.Cut(line, separator); ok && strings.TrimSpace(key) == name {
			return strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return "unknown"
}
