package records

import (
	"slices"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/resolver"
	"github.com/letterlock/letterlock/internal/test/nameserver"
)

func example() *configs.Config {
	return &configs.Config{
		Hostname: "mail.example.test", ACME: &configs.ACME{Directory: "https://acme-v02.api.letsencrypt.org/directory"},
		MTASTS: &configs.MTASTS{Domains: []string{"example.test"}, Mode: "testing", MaxAge: time.Hour, MX: []string{"mail.example.test"}},
		Listeners: []configs.Listener{
			{Service: configs.SMTP, Listen: ":25"}, {Service: configs.Submission, Listen: ":587"}, {Service: configs.IMAPS, Listen: ":1993", PublicPort: 993},
			{Service: configs.Sieve, Listen: "127.0.0.1:0"},
		},
	}
}

func TestOf(t *testing.T) {
	var got []string
	for _, r := range Of(example(), "example.test") {
		if r.Type != "TXT" || r.Optional {
			got = append(got, r.String())
		}
	}
	want := []string{
		"example.test. IN MX 10 mail.example.test.",
		"_imaps._tcp.example.test. IN SRV 0 1 993 mail.example.test.",
		"_submission._tcp.example.test. IN SRV 10 1 587 mail.example.test.",
		"mta-sts.example.test. IN CNAME mail.example.test.",
		"_smtp._tls.example.test. IN TXT \"v=TLSRPTv1; rua=mailto:tls-reports@example.test\"",
		"example.test. IN CAA 0 issue \"letsencrypt.org\"",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	c := example()
	c.Listeners, c.MTASTS, c.ACME = c.Listeners[2:3], nil, nil
	if got := Of(c, "example.test"); len(got) != 1 {
		t.Errorf("%v", got)
	}
}

// A record with another preference, parameter or address for reports serves as well;
// another host, port, policy or CA does not.
func TestPublished(t *testing.T) {
	s := nameserver.New(t)
	dns := resolver.Resolver{Address: s.Address, Timeout: time.Second}
	caa := func(value string) dnsmessage.ResourceBody {
		return &dnsmessage.UnknownResource{Type: typeCAA, Data: append([]byte{0, 5}, "issue"+value...)}
	}
	target := dnsmessage.MustNewName("Mail.example.test.")
	other := dnsmessage.MustNewName("other.example.test.")
	for _, r := range Of(example(), "example.test") {
		var serves, differs []dnsmessage.ResourceBody
		switch {
		case r.Type == "MX":
			serves, differs = []dnsmessage.ResourceBody{&dnsmessage.MXResource{Pref: 5, MX: target}}, []dnsmessage.ResourceBody{&dnsmessage.MXResource{Pref: 10, MX: other}}
		case r.Name == "_imaps._tcp.example.test.":
			serves, differs = []dnsmessage.ResourceBody{&dnsmessage.SRVResource{Priority: 3, Port: 993, Target: target}}, []dnsmessage.ResourceBody{&dnsmessage.SRVResource{Port: 994, Target: target}}
		case r.Type == "SRV":
			serves, differs = []dnsmessage.ResourceBody{&dnsmessage.SRVResource{Port: 587, Target: target}}, []dnsmessage.ResourceBody{&dnsmessage.SRVResource{Port: 587, Target: other}}
		case r.Type == "CNAME":
			serves, differs = []dnsmessage.ResourceBody{&dnsmessage.AResource{A: [4]byte{192, 0, 2, 1}}}, []dnsmessage.ResourceBody{&dnsmessage.CNAMEResource{CNAME: other}}
		case r.Type == "CAA":
			serves, differs = []dnsmessage.ResourceBody{caa("letsencrypt.org; accounturi=https://x")}, []dnsmessage.ResourceBody{caa("ca.example"), caa(""), &dnsmessage.UnknownResource{Type: typeCAA, Data: []byte{0, 9, 'i'}}}
		case r.Optional:
			serves, differs = []dnsmessage.ResourceBody{&dnsmessage.TXTResource{TXT: []string{"v=TLSRPTv1; rua=mailto:x@example.net"}}}, []dnsmessage.ResourceBody{&dnsmessage.TXTResource{TXT: []string{"v=spf1"}}}
		default:
			serves, differs = []dnsmessage.ResourceBody{&dnsmessage.TXTResource{TXT: []string{r.Data[1:9], r.Data[9 : len(r.Data)-1]}}}, []dnsmessage.ResourceBody{&dnsmessage.TXTResource{TXT: []string{"v=STSv1; id=1;"}}}
		}
		s.Set(r.Name, append(slices.Clone(differs), serves...)...)
		if ok, _, err := Published(t.Context(), dns, r); err != nil || !ok {
			t.Errorf("%s: not published: %v", r, err)
		}
		s.Set(r.Name, differs...)
		if ok, others, err := Published(t.Context(), dns, r); err != nil || ok || len(others) == 0 {
			t.Errorf("%s: published as %q, %v", r, others, err)
		}
	}
	s.Behave(false, false, dnsmessage.RCodeServerFailure)
	if _, _, err := Published(t.Context(), dns, Of(example(), "example.test")[0]); err == nil {
		t.Error("no error of the resolver")
	}
}
