package proxy

import (
	"github.com/letterlock/letterlock/internal/record"
	"github.com/letterlock/letterlock/internal/wire"
)

// frontTap and backTap receive the plaintext of a session's connections, for
// `letterlock record`. They implement wire.Tap.
type (
	frontTap session
	backTap  session
)

// Tapped records what was read from the client or sent to it.
func (t *frontTap) Tapped(kind wire.Tapped, p []byte) {
	side := record.FromClient
	if kind == wire.Raw {
		side = record.ToClient
	}
	(*session)(t).record(side, kind, p)
}

// Tapped records what was read from the backend or sent to it.
func (t *backTap) Tapped(kind wire.Tapped, p []byte) {
	side := record.FromBackend
	if kind == wire.Raw {
		side = record.ToBackend
	}
	(*session)(t).record(side, kind, p)
}

// record adds bytes to the conversation of the session, if it is recorded.
func (ses *session) record(side record.Side, kind wire.Tapped, p []byte) {
	if kept := ses.origin.recorder.Of(ses.info.ID); kept != nil {
		kept.Add(side, kind, p)
	}
}

// tapBackend begins to record a new connection to a backend.
func (ses *session) tapBackend(back *wire.Conn) {
	back.Tap = (*backTap)(ses)
	if kept := ses.origin.recorder.Of(ses.info.ID); kept != nil {
		kept.Backend()
	}
}

// recordHangUp records that the backend has closed the connection, if the poller has
// noticed that instead of a read.
func (ses *session) recordHangUp() {
	if talk := ses.talk; talk != nil && talk.hungUp {
		ses.record(record.FromBackend, wire.Closed, nil)
	}
}

// source and sink return the sides from which and to which a direction copies.
func (d direction) source() record.Side {
	if d == toBackend {
		return record.FromClient
	}
	return record.FromBackend
}

func (d direction) sink() record.Side {
	if d == toBackend {
		return record.ToBackend
	}
	return record.ToClient
}

// RecordOpen begins to record the open session that the Recorder's order names.
func (s *Server) RecordOpen() {
	s.each(func(ses *session) {
		ses.mu.Lock()
		defer ses.mu.Unlock()
		if !ses.finished {
			ses.origin.recorder.KeepOpen(&ses.info)
		}
	})
}
