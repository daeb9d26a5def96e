package importer

import (
	"testing"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/tlspolicy"
)

func TestCiphers(t *testing.T) {
	for list, want := range map[string]kinds{
		"HIGH:!aNULL":                    aead | cbc | staticRSA,
		"HIGH:MEDIUM:!aNULL":             aead | cbc | staticRSA | tripleDES,
		"ALL:!aNULL:-3DES":               aead | cbc | staticRSA,
		"HIGH:!kRSA":                     aead | cbc,
		"ECDHE+AESGCM:ECDHE+CHACHA20":    aead,
		"EECDH+AESGCM:EECDH+AES256":      aead | cbc,
		"ECDHE-RSA-AES128-GCM-SHA256":    aead,
		"AES128-SHA:DES-CBC3-SHA":        staticRSA | tripleDES,
		"DES-CBC3-SHA:!3DES:AES128-SHA":  staticRSA,
		"DHE-RSA-AES256-GCM-SHA384:+RC4": 0,
		"DEFAULT@SECLEVEL=0":             0,
		"DEFAULT:@SECLEVEL=0":            aead | cbc | staticRSA,
		"":                               0,
	} {
		if got := readCiphers(list); got != want {
			t.Errorf("%q: %s, not %s", list, got, want)
		}
	}
}

// No policy accepts a version or a class of suites that the file did not accept. A
// policy that is weaker than the default is written only with --keep-weak, and is
// reported.
func TestPolicyIsNeverWeaker(t *testing.T) {
	for _, name := range []configs.Service{configs.IMAPS, configs.SMTP} {
		standard := builtin(name.DefaultPolicy())
		for lowest := tlspolicy.VersionTLS10; lowest <= tlspolicy.VersionTLS13; lowest++ {
			for accepted := kinds(1); accepted < 16; accepted++ {
				for _, keep := range []bool{false, true} {
					r := &reader{Options: Options{KeepWeak: keep}, result: &Import{}}
					s := &service{at: &setting{}, name: name, tls: tlsFacts{min: lowest, kinds: accepted, settings: []*setting{{}}}}
					got := resolved(t, r.choose(s))
					if got.Min < lowest || got.Min < tlspolicy.VersionTLS13 && kindsOf(got)&^(accepted|aead) != 0 {
						t.Errorf("%s from %s with %s: %s with %s", name, lowest, accepted, got.Min, kindsOf(got))
					}
					weaker := got.Min < standard.Min || kindsOf(got)&^kindsOf(standard) != 0
					if weaker && (!keep || s.notes[0].Kind != Weak) {
						t.Errorf("%s from %s with %s: weaker than %s: %v", name, lowest, accepted, standard.Name, s.notes)
					}
				}
			}
		}
	}
}

// resolved is the policy that the configuration with it has.
func resolved(t *testing.T, p policy) tlspolicy.Policy {
	t.Helper()
	if p.base == "" {
		return builtin(p.name)
	}
	full := builtin(p.base)
	if p.min != 0 {
		full.Min = p.min
	}
	if p.suites != nil {
		full.Suites = p.suites
	}
	return full
}
