package gate

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"

	"github.com/letterlock/letterlock/internal/wire"
)

func TestFromClient(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Reason
	}{
		{wire.ErrInterrupted, Shutdown},
		{wire.ErrPipelined, Injected},
		{wire.ErrLineTooLong, LineTooLong},
		{fmt.Errorf("reading: %w", os.ErrDeadlineExceeded), Timeout},
		{io.EOF, ClientGone},
		{net.ErrClosed, ClientGone},
		{errors.New("reset"), ClientGone},
		{Because(HandshakeFailed, os.ErrDeadlineExceeded), HandshakeFailed},
		{fmt.Errorf("upgrading: %w", Because(HandshakeFailed, io.EOF)), HandshakeFailed},
	} {
		if got := ReasonOf(FromClient(c.err)); got != c.want {
			t.Errorf("%v: %s, not %s", c.err, got, c.want)
		}
	}
}

func TestFromBackend(t *testing.T) {
	for err, want := range map[error]Reason{
		wire.ErrBareCR: BackendGarbage, wire.ErrLineTooLong: BackendGarbage, io.EOF: BackendGone, os.ErrDeadlineExceeded: BackendGone,
	} {
		if got := ReasonOf(FromBackend(err)); got != want {
			t.Errorf("%v: %s, not %s", err, got, want)
		}
	}
}
