package app

import (
	"errors"
	"path/filepath"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/record"
)

// newRecords returns the recorder of what is sent in sessions.
func (p *Proxy) newRecords() *record.Recorder {
	return &record.Recorder{
		Log: p.log, Hostname: func() string { return p.now.Load().config.Hostname },
		Protocol: func(service string) string {
			if s := configs.Service(service); !s.Outbound() {
				return s.Protocol()
			}
			return configs.SMTP.Protocol()
		},
	}
}

var errNoRecords = errors.New("recording is off in the configuration (admin: {record: false})")

// recordings is the folder of the recordings in state_dir.
const recordings = "recordings"

// Record implements admin.Proxy.
func (a administered) Record(o record.Order) error {
	c := a.now.Load().config
	if !c.Admin.Record {
		return errNoRecords
	}
	if o.Folder == "" {
		folder, err := filepath.Abs(filepath.Join(c.StateDir, recordings))
		if err != nil {
			return err
		}
		o.Folder = folder
	}
	if err := a.records.Start(o); err != nil {
		return err
	}
	a.server.RecordOpen()
	return nil
}

// StopRecording implements admin.Proxy.
func (a administered) StopRecording() { a.records.Stop() }

// Recording implements admin.Proxy.
func (a administered) Recording() record.State { return a.records.State() }
