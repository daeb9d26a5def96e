package gate

import (
	"encoding/base64"
	"strings"
	"testing"
)

// fuzzed are the mechanisms that a fuzzer's number selects.
var fuzzed = []string{"PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER", "CRAM-MD5", "SCRAM-SHA-256", "GSSAPI", "NTLM", "DIGEST-MD5", "OTP", "SKEY"}

// FuzzSound checks that a response that is sound is base64 with a name that
// ends no line, has bounded length, and stays sound when it is checked again.
func FuzzSound(f *testing.F) {
	for i, response := range []string{
		encode("\x00alice\x00secret"), encode("alice"), encode("user=alice\x01auth=Bearer x\x01\x01"), encode("n,a=alice,\x01auth=Bearer x\x01\x01"),
		encode("alice " + hex32), encode(digest), encode(ntlm3("alice", true)), encode("\x00alice"), encode("n,,n=a=2Cb=3Dc,r=x"), "=", "!", encode("a\r\nb\x00"), "YQ==\n", "*",
	} {
		f.Add(response, byte(i))
	}
	f.Fuzz(func(t *testing.T, response string, mechanism byte) {
		x := Exchange{Mechanism: fuzzed[int(mechanism)%len(fuzzed)]}
		if !x.Sound(response) {
			return
		}
		if x.SecretSent() || !x.Sound(response) {
			t.Fatal("checking has changed the exchange")
		}
		if _, err := base64.StdEncoding.DecodeString(response); err != nil && response != "=" || strings.ContainsAny(response, "\r\n") {
			t.Fatalf("%q is sound", response)
		}
		x.Response(response)
		if len(x.User()) > maxUser || breaksLines(x.User()) {
			t.Fatalf("the user is %q", x.User())
		}
	})
}

// FuzzCollectedLogin sends random responses in a collected login. It checks
// that the backend receives base64 or the end of the exchange, that the
// arguments of a command contain no line end, and that a user without a backend
// is never logged in.
func FuzzCollectedLogin(f *testing.F) {
	for i := range fuzzed {
		f.Add("\x00alice\x00correct horse", "correct horse", byte(i), byte(i), true, encode("<1@host>"))
		f.Add("alice", "correct\r\nhorse", byte(i), byte(i/2), false, "!")
	}
	f.Fuzz(func(t *testing.T, first, second string, mechanism, method byte, nowhere bool, challenge string) {
		l := NewLogin(fuzzed[int(mechanism)%len(fuzzed)])
		for _, response := range []string{encode(first), encode(second)} {
			if _, more := l.Prompt(); more && l.Sound(response) {
				l.AddResponse(response)
			}
		}
		s := &Session{Mechanisms: &Mechanisms{LoginMethod: []LoginMethod{Same, ByPlain, ByLogin, ByCRAM, ByCommand, Auto}[method%6]}, Observer: &judge{}}
		if nowhere {
			s.Backends.Route = func(Claim) (Credentials, error) { return Credentials{}, ErrNowhere }
		}
		name, err := reachAndChoose(s, l, allOffers)
		if err != nil {
			return
		}
		if user, password := l.Command(); name == "" && strings.ContainsAny(user+password, "\r\n\x00") {
			t.Fatalf("the command is %q %q", user, password)
		}
		for range 4 {
			response, ours := l.Answer(challenge)
			if !ours {
				break
			}
			if _, err := base64.StdEncoding.DecodeString(response); err != nil && response != "*" || strings.ContainsAny(response, "\r\n") {
				t.Fatalf("the backend receives %q", response)
			}
		}
		if nowhere && l.Verdict(true) == nil {
			t.Fatal("a user without a backend is logged in")
		}
	})
}
