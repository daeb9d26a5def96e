package proxy

import (
	"crypto/tls"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/limit"
	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/wire"
)

// A client's alert reaches the log, even if the client sends it in plaintext.
func TestAlertInPlaintext(t *testing.T) {
	t.Parallel()
	certificates := []tls.Certificate{authority.New(t).ECDSA(t, "localhost")}
	for _, tt := range []struct {
		name   string
		record []byte
		want   error
	}{
		{"unknown_ca", []byte{21, 3, 3, 0, 2, 2, 48}, tls.AlertError(48)},
		{"certificate_expired", []byte{21, 3, 3, 0, 2, 2, 45}, tls.AlertError(45)},
		{"a warning", []byte{21, 3, 3, 0, 2, 1, 48}, nil},
		{"another record", []byte{23, 3, 3, 0, 2, 2, 48}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ours, theirs := net.Pipe()
			defer ours.Close()
			go func() {
				defer theirs.Close()
				// Like OpenSSL, the client refuses the certificate before it
				// has keys to encrypt the alert.
				_ = tls.Client(theirs, &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(tls.ConnectionState) error {
					_, _ = theirs.Write(tt.record)
					_, _ = theirs.Read(make([]byte, 100))
					return net.ErrClosed
				}}).Handshake()
			}()
			turn := limit.NewTurns(1, 0, []string{"imap"})["imap"].New(time.Now().Add(time.Minute), nil)
			under := &handshakeConn{wire.NewRecords(ours), &pendingHandshake{turn: turn}}
			err := tls.Server(under, &tls.Config{Certificates: certificates}).Handshake()
			err = under.pending.last.explain(err)
			remote, ok := errors.AsType[*net.OpError](err)
			if !ok || (remote.Op == "remote error") != (tt.want != nil) || tt.want != nil && remote.Err != tt.want {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestTail(t *testing.T) {
	t.Parallel()
	var last tail
	for _, piece := range []string{"a long beginning", "", "12", "3", "4567", "8"} {
		last.add([]byte(piece))
	}
	if string(last[:]) != "2345678" {
		t.Errorf("%q", last[:])
	}
}
