package clienthello

import (
	"fmt"
	"strings"

	"golang.org/x/crypto/cryptobyte"
)

// The numbers of the extensions (IANA's registry of TLS extension types).
const (
	serverName   = 0
	preSharedKey = 41
)

// known maps the extensions that are parsed to their parsers. An extension that
// its parser refuses is malformed.
var known = map[uint16]struct {
	name string
	read func(r *reader, data cryptobyte.String) bool
}{
	serverName: {"server_name", (*reader).serverNames},
	5:          {"status_request", statusRequest},
	10: {"supported_groups", func(r *reader, data cryptobyte.String) (ok bool) {
		r.Groups, ok = list16(data)
		return ok
	}},
	11: {"ec_point_formats", filled8},
	13: {"signature_algorithms", func(r *reader, data cryptobyte.String) (ok bool) {
		r.Signatures, ok = list16(data)
		return ok
	}},
	16:           {"application_layer_protocol_negotiation", (*reader).protocols},
	18:           {"signed_certificate_timestamp", empty},
	23:           {"extended_master_secret", empty},
	preSharedKey: {"pre_shared_key", preShared},
	42:           {"early_data", empty},
	43:           {"supported_versions", (*reader).versions},
	44:           {"cookie", filled16},
	45:           {"psk_key_exchange_modes", whole8},
	50: {"signature_algorithms_cert", func(_ *reader, data cryptobyte.String) (ok bool) {
		_, ok = list16(data)
		return ok
	}},
	51:     {"key_share", (*reader).keyShares},
	0xff01: {"renegotiation_info", whole8},
}

func nameOf(kind uint16) string {
	if e, ok := known[kind]; ok {
		return e.name
	}
	return fmt.Sprint(kind)
}

// serverNames parses server_name (RFC 6066 §3).
func (r *reader) serverNames(data cryptobyte.String) bool {
	var list cryptobyte.String
	if !data.ReadUint16LengthPrefixed(&list) || !data.Empty() {
		return false
	}
	if list.Empty() {
		r.flaw("the list of server names is empty (RFC 6066 §3)")
	}
	const hostName = 0
	for names := 0; !list.Empty(); {
		var kind uint8
		var name cryptobyte.String
		if !list.ReadUint8(&kind) || !list.ReadUint16LengthPrefixed(&name) {
			return false
		}
		if name.Empty() {
			r.flaw("the server name is empty (RFC 6066 §3)")
		}
		if kind != hostName {
			continue
		}
		if names++; names > 1 {
			r.flaw("there are several server names (RFC 6066 §3)")
			continue
		}
		r.ServerName = string(name)
		if strings.HasSuffix(r.ServerName, ".") {
			r.flaw("the server name ends with a dot (RFC 6066 §3)")
		}
	}
	return true
}

// protocols parses application_layer_protocol_negotiation (RFC 7301 §3.1).
func (r *reader) protocols(data cryptobyte.String) bool {
	var list cryptobyte.String
	if !data.ReadUint16LengthPrefixed(&list) || !data.Empty() {
		return false
	}
	if list.Empty() {
		r.flaw("the list of protocols (ALPN) is empty (RFC 7301 §3.1)")
	}
	for !list.Empty() {
		var name cryptobyte.String
		if !list.ReadUint8LengthPrefixed(&name) {
			return false
		}
		if name.Empty() {
			r.flaw("a protocol (ALPN) is empty (RFC 7301 §3.1)")
		}
		r.Protocols = append(r.Protocols, string(name))
	}
	return true
}

// versions parses supported_versions (RFC 8446 §4.2.1).
func (r *reader) versions(data cryptobyte.String) bool {
	var list cryptobyte.String
	if !data.ReadUint8LengthPrefixed(&list) || !data.Empty() || list.Empty() || len(list)%2 != 0 {
		return false
	}
	r.Versions = numbers(list)
	return true
}

// keyShares parses key_share (RFC 8446 §4.2.8).
func (r *reader) keyShares(data cryptobyte.String) bool {
	var list cryptobyte.String
	if !data.ReadUint16LengthPrefixed(&list) || !data.Empty() {
		return false
	}
	for !list.Empty() {
		var group uint16
		var share cryptobyte.String
		if !list.ReadUint16(&group) || !list.ReadUint16LengthPrefixed(&share) {
			return false
		}
		if share.Empty() {
			r.flaw("the key share of group %#04x is empty (RFC 8446 §4.2.8)", group)
		}
	}
	return true
}

// list16 parses a list of two-byte numbers, which must not be empty.
func list16(data cryptobyte.String) (all []uint16, ok bool) {
	var list cryptobyte.String
	ok = data.ReadUint16LengthPrefixed(&list) && data.Empty() && !list.Empty() && len(list)%2 == 0
	return numbers(list), ok
}

// whole8 accepts a vector with a one-byte length; filled8 accepts it only if it
// is not empty. filled16 is filled8 with a two-byte length.
func whole8(_ *reader, data cryptobyte.String) bool {
	var list cryptobyte.String
	return data.ReadUint8LengthPrefixed(&list) && data.Empty()
}

func filled8(_ *reader, data cryptobyte.String) bool {
	return whole8(nil, data) && len(data) > 1
}

func filled16(_ *reader, data cryptobyte.String) bool {
	var list cryptobyte.String
	return data.ReadUint16LengthPrefixed(&list) && data.Empty() && !list.Empty()
}

func empty(_ *reader, data cryptobyte.String) bool { return data.Empty() }

// preShared parses pre_shared_key (RFC 8446 §4.2.11).
func preShared(_ *reader, data cryptobyte.String) bool {
	var identities, binders cryptobyte.String
	if !data.ReadUint16LengthPrefixed(&identities) || !data.ReadUint16LengthPrefixed(&binders) || !data.Empty() || identities.Empty() || binders.Empty() {
		return false
	}
	for !identities.Empty() {
		var identity cryptobyte.String
		if !identities.ReadUint16LengthPrefixed(&identity) || identity.Empty() || !identities.Skip(4) {
			return false
		}
	}
	for !binders.Empty() {
		var binder cryptobyte.String
		if !binders.ReadUint8LengthPrefixed(&binder) || binder.Empty() {
			return false
		}
	}
	return true
}

// statusRequest parses status_request (RFC 6066 §8).
func statusRequest(_ *reader, data cryptobyte.String) bool {
	var kind uint8
	var responders, extensions cryptobyte.String
	return data.ReadUint8(&kind) && data.ReadUint16LengthPrefixed(&responders) && data.ReadUint16LengthPrefixed(&extensions) && data.Empty()
}
