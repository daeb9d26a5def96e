package syntax

import (
	"errors"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// ReadResponse reads the client's response to a challenge (RFC 4954 §4): base64, or
// `*`. For any other line it returns the reply that refuses it.
func ReadResponse(front *wire.Stream, x *gate.Exchange) (response, complaint string, err error) {
	if err := front.Flush(); err != nil {
		return "", "", gate.FromClient(err)
	}
	line, err := front.ReadLine()
	if _, ok := errors.AsType[wire.SyntaxError](err); ok {
		return "", "501 5.5.2 Cannot decode the response", nil
	}
	if err != nil {
		return "", "", gate.FromClient(err)
	}
	response = string(line)
	if response != "*" && !x.Sound(response) {
		return "", "501 5.5.2 Cannot decode the response", nil
	}
	return response, "", nil
}
