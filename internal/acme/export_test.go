package acme

import "net/http"

// SetTransport replaces the network between a Keeper and the CA.
func (k *Keeper) SetTransport(t http.RoundTripper) { k.transport.base = t }
