package cluster

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

var testKey = bytes.Repeat([]byte{7}, KeySize)

func newTestSealer(t testing.TB, key []byte, prefix string) *sealer {
	t.Helper()
	s, err := newSealer(key, prefix)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A value is accepted only under its own name, prefix and key.
func TestH17_SealedValuesAreBound(t *testing.T) {
	s := newTestSealer(t, testKey, "a")
	name := Name{"login", "u\x00alice"}
	sealed, err := s.seal(name, []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	if value, err := s.open(name, sealed); err != nil || string(value) != "secret" {
		t.Fatalf("%q, %v", value, err)
	}
	if bytes.Contains(sealed, []byte("secret")) || strings.Contains(s.key(name), "alice") {
		t.Error("the store can read the value or its name")
	}
	other := bytes.Clone(testKey)
	other[0]++
	for what, open := range map[string]func() ([]byte, error){
		"another name":   func() ([]byte, error) { return s.open(Name{"login", "u\x00bob"}, sealed) },
		"another kind":   func() ([]byte, error) { return s.open(Name{"acme", name.ID}, sealed) },
		"another prefix": func() ([]byte, error) { return newTestSealer(t, testKey, "b").open(name, sealed) },
		"another key":    func() ([]byte, error) { return newTestSealer(t, other, "a").open(name, sealed) },
	} {
		if value, err := open(); !errors.Is(err, errForged) {
			t.Errorf("%s: %q, %v", what, value, err)
		}
	}
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if value, err := s.open(name, changed); err == nil {
			t.Fatalf("with byte %d changed: %q", i, value)
		}
	}
	sealed[len(magic)] = format + 1
	if _, err := s.open(name, sealed); !errors.Is(err, errVersions) {
		t.Errorf("another version: %v", err)
	}
}

// Equal values look different, so that the store cannot tell that one has come back.
func TestSealIsRandom(t *testing.T) {
	s := newTestSealer(t, testKey, "a")
	one, _ := s.seal(Name{"k", "n"}, []byte("value"))
	two, _ := s.seal(Name{"k", "n"}, []byte("value"))
	if bytes.Equal(one, two) {
		t.Error("two sealed values are equal")
	}
	if _, err := s.seal(Name{"k", "n"}, make([]byte, maxValue+1)); !errors.Is(err, errTooLong) {
		t.Errorf("a value that is too long: %v", err)
	}
}

func TestParseKey(t *testing.T) {
	good := base64.StdEncoding.EncodeToString(testKey)
	for text, ok := range map[string]bool{
		good: true, good + "\n": true, " " + good + "\r\n": true,
		"": false, "password": false, good[:20]: false, good + good: false, good + "\n" + good: false,
		base64.StdEncoding.EncodeToString(testKey[1:]): false,
	} {
		key, err := ParseKey([]byte(text))
		if ok != (err == nil) || ok && !bytes.Equal(key, testKey) {
			t.Errorf("%q: %x, %v", text, key, err)
		}
		if err != nil && len(text) > 4 && strings.Contains(err.Error(), text) {
			t.Errorf("the error quotes the key: %v", err)
		}
	}
}

// sealedOnce is the value "value" of the name login/alice, sealed with testKey. Workers of
// the fuzzer run the target's setup again, so that a fresh nonce would differ in each.
const sealedOnce = "4c4c01914e8217e101cde78b1882023226af65c53feb17b0594d491453eb2880f0f00052ece6f38e52ac4068bba96d47"

// Values that earlier versions have sealed stay readable.
func TestOpensStoredValue(t *testing.T) {
	sealed, err := hex.DecodeString(sealedOnce)
	if err != nil {
		t.Fatal(err)
	}
	value, err := newTestSealer(t, testKey, "a").open(Name{"login", "alice"}, sealed)
	if err != nil || string(value) != "value" {
		t.Errorf("%q, %v", value, err)
	}
}

// A value from the store is opened only if it was sealed with the key.
func FuzzOpen(f *testing.F) {
	s := newTestSealer(f, testKey, "a")
	name := Name{"login", "alice"}
	sealed, err := hex.DecodeString(sealedOnce)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add([]byte{})
	f.Add(sealed[:overhead])
	f.Add(append([]byte(magic+"\x02"), sealed[3:]...))
	f.Fuzz(func(t *testing.T, text []byte) {
		if value, err := s.open(name, text); err == nil && !bytes.Equal(text, sealed) {
			t.Errorf("%x was accepted as %q", text, value)
		}
	})
}
