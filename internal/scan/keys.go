package scan

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"github.com/letterlock/letterlock/tlspolicy"
)

// Key is the key of a certificate, and how the certificate is signed.
type Key struct {
	Type      string `json:"type"` // RSA, the name of a curve, or Ed25519
	Bits      int    `json:"bits"`
	Signature string `json:"signature"` // as crypto/x509 names it
	Days      int    `json:"days"`      // of the certificate's validity
}

// String names the key.
func (k Key) String() string {
	if k.Type == "RSA" {
		return fmt.Sprintf("RSA-%d", k.Bits)
	}
	return k.Type
}

// addKey adds the key of a certificate, unless it is known.
func (r *Report) addKey(leaf *x509.Certificate) {
	k := Key{
		Type: leaf.PublicKeyAlgorithm.String(), Signature: leaf.SignatureAlgorithm.String(),
		Days: int((leaf.NotAfter.Sub(leaf.NotBefore) + 24*time.Hour - time.Second) / (24 * time.Hour)),
	}
	switch public := leaf.PublicKey.(type) {
	case *rsa.PublicKey:
		k.Bits = public.N.BitLen()
	case *ecdsa.PublicKey:
		k.Type, k.Bits = public.Params().Name, public.Params().BitSize
	}
	if !slices.Contains(r.Keys, k) {
		r.Keys = append(r.Keys, k)
	}
}

// scanned lists the groups that crypto/tls can offer.
var scanned = []tls.CurveID{tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024, tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521}

// groups finds the key exchange groups: it offers each alone, with the highest version.
func (v *look) groups() {
	version := uint16(tls.VersionTLS13)
	if !slices.Contains(v.report.Versions, tlspolicy.VersionTLS13.String()) {
		version = tls.VersionTLS12
	}
	for _, id := range scanned {
		group := tlspolicy.Group(id)
		if group.Hybrid() && version < tls.VersionTLS13 {
			continue
		}
		c, err := v.dial()
		if err != nil {
			return
		}
		state, err := v.shake(c, &tls.Config{MinVersion: version, MaxVersion: version, CurvePreferences: []tls.CurveID{id}})
		_ = c.Close()
		if err == nil && state.CurveID == id { // else the server uses static RSA
			v.report.Groups = append(v.report.Groups, group.String())
		}
	}
}
