package app

import (
	"slices"
	"sync/atomic"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/smtp"
)

// recipients returns the test of a listener's recipients: by the list in the
// configuration, and by the file that it names, which is read again when it
// changes.
func (m *maintenance) recipients(l configs.Listener) (func(address string) bool, error) {
	if l.RecipientsFile == "" {
		return smtp.Recipients(l.Recipients), nil
	}
	var known atomic.Pointer[func(string) bool]
	load := func() error {
		entries, err := configs.ReadRecipients(l.RecipientsFile)
		if err != nil {
			return err
		}
		now := smtp.Recipients(slices.Concat(l.Recipients, entries))
		if known.Swap(&now) != nil {
			m.log.Info("recipients replaced", "file", l.RecipientsFile, "entries", len(entries))
		}
		return nil
	}
	if err := m.files.Add(load, l.RecipientsFile); err != nil {
		return nil, err
	}
	return func(address string) bool { return (*known.Load())(address) }, nil
}
