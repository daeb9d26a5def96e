package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"strconv"
)

// costs hold the cost of each event of an installation: for an instance in µs of CPU
// time and in KiB of memory, for the store in commands and in µs of CPU time.
type costs struct {
	handshake, resumed, poll float64 // a session with its login
	message, submission      float64 // of 2 KiB: from a mail server, and on a new connection after a login
	roundTrip                float64
	read                     float64 // of one MiB
	silent                   float64 // a connection without a byte
	idle                     float64 // KiB of an idle session

	store map[event]storeCost // empty: there is no store
}

// event is an event that causes commands to the store.
type event string

const (
	eventLogin    event = "login"
	eventFailure  event = "failed login"
	eventInstance event = "second of an instance"
)

// storeCost holds the cost of an event for the store.
type storeCost struct{ commands, cpu float64 }

// source names the row of performance.csv that holds a cost.
type source struct{ section, work string }

const secondsPerGiB = 1e6 / 1024 // µs a MiB for one second a GiB

// readCosts reads the costs of an instance.
func readCosts(path string) (c costs, err error) {
	medians, err := readMedians(path)
	if err != nil {
		return c, err
	}
	var errs []error
	for _, from := range []struct {
		to *float64
		source
		times float64
	}{
		{&c.handshake, source{"Handshake, login, logout", "IMAP, TLS first, X25519MLKEM768"}, 1},
		{&c.resumed, source{"Handshake, login, logout", "IMAP, TLS first, resumed"}, 1},
		{&c.poll, source{"Handshake, login, logout", "POP3, TLS first, resumed"}, 1},
		{&c.submission, source{"SMTP message", "2 KiB, new connections, DATA, pipelined"}, 1},
		{&c.message, source{"SMTP message", "2 KiB, new connections, DATA, pipelined"}, 1},
		{&c.roundTrip, source{"Latency", "IMAP NOOP in quiet sessions, 1000 a second, CPU"}, 1},
		{&c.read, source{"After login", "download of 10 MiB messages"}, secondsPerGiB},
		{&c.silent, source{"Flood", "connections without a word, CPU"}, 1},
		{&c.idle, source{"Memory of an idle session", "9000 sessions, after a minute"}, 1},
	} {
		median, found := medians[from.source]
		if !found {
			errs = append(errs, fmt.Errorf("%s has no row %q in the section %q", path, from.work, from.section))
		}
		*from.to = median * from.times
	}
	return c, errors.Join(errs...)
}

// readMedians reads Letterlock's figures.
func readMedians(path string) (map[source]float64, error) {
	rows, err := readCSV(path)
	if err != nil {
		return nil, err
	}
	medians := map[source]float64{}
	for _, row := range rows {
		if row["column"] != "Letterlock" || row["median"] == "" {
			continue
		}
		median, err := strconv.ParseFloat(row["median"], 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		medians[source{row["section"], row["work"]}] = median
	}
	return medians, nil
}

// readStore reads the costs of the store. A missing file is an error that wraps
// os.ErrNotExist.
func (c *costs) readStore(path string) error {
	rows, err := readCSV(path)
	if err != nil {
		return err
	}
	c.store = map[event]storeCost{}
	for _, row := range rows {
		commands, err1 := strconv.ParseFloat(row["commands"], 64)
		cpu, err2 := strconv.ParseFloat(row["cpu"], 64)
		if err := errors.Join(err1, err2); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		c.store[event(row["event"])] = storeCost{commands, cpu}
	}
	return nil
}

// readCSV reads a table, whose first line has the names of the columns.
func readCSV(path string) (rows []map[string]string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil || len(lines) == 0 {
		return nil, fmt.Errorf("%s: no table: %w", path, err)
	}
	for _, line := range lines[1:] {
		row := map[string]string{}
		for i, name := range lines[0] {
			row[name] = line[i]
		}
		rows = append(rows, row)
	}
	return rows, nil
}
