package app

import (
	"slices"
	"sync/atomic"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/smtp"
)

// recipients returns the test of a listener's recipients, with the list in the
// configuration and the file that it names, which is read again when it
// changes.
func (m *maintenance) recipients(r recipientSettings) (func(address string) bool, error) {
	if r.file == "" {
		return smtp.Recipients(r.listed), nil
	}
	var known atomic.Pointer[func(string) bool]
	load := func() error {
		entries, err := configs.ReadRecipients(r.file)
		if err != nil {
			return err
		}
		now := smtp.Recipients(slices.Concat(r.listed, entries))
		if known.Swap(&now) != nil {
			m.log.Info("recipients replaced", "file", r.file, "entries", len(entries))
		}
		return nil
	}
	if err := m.files.Add(load, r.file); err != nil {
		return nil, err
	}
	return func(address string) bool { return (*known.Load())(address) }, nil
}
