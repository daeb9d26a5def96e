package tlspolicy

import (
	"crypto/tls"
	"testing"
)

// FuzzOffer checks that any lists of a ClientHello give an Offer, that doubled
// lists give the same Offer, and that the agreed parameters are in both sides'
// lists.
func FuzzOffer(f *testing.F) {
	f.Add([]byte{3, 3, 3, 4}, []byte{0x13, 1, 0xc0, 0x2f, 0x56, 0}, []byte{0x11, 0xec, 0, 29}, byte(0))
	f.Add([]byte{3, 1}, []byte{0, 0x2f, 0, 10}, []byte{}, byte(3))
	names := []string{"modern", "strict", "compat", "opportunistic", "opportunistic-wide"}
	f.Fuzz(func(t *testing.T, versions, suites, groups []byte, name byte) {
		var curves []tls.CurveID
		for _, g := range pairs(groups) {
			curves = append(curves, tls.CurveID(g))
		}
		o := OfferOf(pairs(versions), pairs(suites), curves)
		var listed [3][]uint16
		v, s, g := o.List()
		for _, each := range v {
			listed[0] = append(listed[0], uint16(each))
		}
		for _, each := range s {
			listed[1] = append(listed[1], uint16(each))
		}
		if o.Fallback {
			listed[1] = append(listed[1], tls.TLS_FALLBACK_SCSV)
		}
		curves = nil
		for _, each := range g {
			curves = append(curves, tls.CurveID(each))
		}
		if again := OfferOf(listed[0], listed[1], curves); again != o {
			t.Fatalf("%+v, and then %+v", o, again)
		}
		p, err := Named(names[int(name)%len(names)])
		if err != nil {
			t.Fatal(err)
		}
		state, why := p.Agree(o, BothKeys)
		if why == "" && (Version(state.Version) < p.Min || Version(state.Version) > p.Max || OfferOf([]uint16{state.Version}, []uint16{state.CipherSuite}, nil).Suites&^o.Suites != 0) {
			t.Fatalf("%+v agrees on %+v", o, state)
		}
	})
}

// pairs reads a list of 16-bit numbers as in a ClientHello.
func pairs(b []byte) (numbers []uint16) {
	for ; len(b) >= 2; b = b[2:] {
		numbers = append(numbers, uint16(b[0])<<8|uint16(b[1]))
	}
	return numbers
}
