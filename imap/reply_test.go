package imap

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/test/gatetest"
)

func TestParseReply(t *testing.T) {
	for line, want := range map[string]reply{
		"L1 OK done":       {tagged, "OK", "done"},
		"L1 no":            {tagged, "NO", ""},
		"* bye see you":    {untagged, "BYE", "see you"},
		"* PREAUTH hi":     {untagged, "PREAUTH", "hi"},
		"* CAPABILITY X":   {untagged, "", "CAPABILITY X"},
		"* OKAY then":      {untagged, "", "OKAY then"},
		"+":                {continuation, "", ""},
		"+ PDE+":           {continuation, "", "PDE+"},
		"+ OK not a reply": {continuation, "", "OK not a reply"},
	} {
		if got, err := parseReply(line, "L1"); err != nil || got != want {
			t.Errorf("%q is %+v, %v", line, got, err)
		}
	}
	for _, line := range []string{"", "*", "* ", "L1", "L1 BYE", "L1 OKAY", "L2 OK done", "l1 OK done", "+x", "220 ready", "OK done"} {
		if got, err := parseReply(line, "L1"); gate.ReasonOf(err) != gate.BackendGarbage || !errors.Is(err, errProtocol) {
			t.Errorf("%q is %+v, %v", line, got, err)
		}
	}
}

func TestCutCode(t *testing.T) {
	for text, want := range map[string][3]string{
		"words":                               {"", "", "words"},
		"[ALERT] words":                       {"ALERT", "", "words"},
		"[alert]words":                        {"ALERT", "", "words"},
		"[ALERT]":                             {"ALERT", "", ""},
		"  [CAPABILITY A B] words [more] x":   {"CAPABILITY", "A B", "words [more] x"},
		"[REFERRAL imap://[::1]/] go":         {"REFERRAL", "imap://[::1]/", "go"},
		"[REFERRAL imap://[::1]/]":            {"REFERRAL", "imap://[::1]/", ""},
		"[REFERRAL imap://old.lan/ for words": {"REFERRAL", "imap://old.lan/ for words", ""},
		"[":                                   {"", "", ""},
	} {
		name, arguments, words := cutCode(text)
		if got := [3]string{name, arguments, words}; got != want {
			t.Errorf("%q is %q", text, got)
		}
	}
}

func TestRewriteStatus(t *testing.T) {
	g, err := settledForTest("")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"words":                                 "words",
		"[UIDVALIDITY 3] words":                 "[UIDVALIDITY 3] words",
		"[CAPABILITY IDLE STARTTLS] words":      "[CAPABILITY IDLE] words",
		"[REFERRAL imap://a/] [REFERRAL b] who": "who",
		"[REFERRAL imap://a/] ":                 "The mailbox is elsewhere",
		" [referral imap://a/":                  "The mailbox is elsewhere",
	} {
		if got := g.rewriteStatus(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestShownCapabilities(t *testing.T) {
	for name, c := range map[string]struct {
		offered, hidden, want []string
		weak                  bool
	}{
		"ours":       {offered: []string{"IMAP4rev1", "starttls", "LoginDisabled", "IDLE"}, want: []string{"IMAP4rev1", "IDLE"}},
		"referrals":  {offered: []string{"LOGIN-REFERRALS", "MAILBOX-REFERRALS", "NAMESPACE"}, want: []string{"NAMESPACE"}},
		"forgeries":  {offered: []string{"XCLIENT", "xforward", "XLIST"}, want: []string{"XLIST"}},
		"mechanisms": {offered: []string{"AUTH=PLAIN", "auth=External", "AUTH=SCRAM-SHA-1-PLUS", "AUTH=ANONYMOUS", "AUTH=", "Auth=login"}, want: []string{"AUTH=PLAIN", "Auth=login"}},
		"hidden":     {offered: []string{"AUTH=CRAM-MD5", "AUTH=PLAIN"}, hidden: []string{"CRAM-MD5"}, want: []string{"AUTH=PLAIN"}},
		"verbatim":   {offered: []string{"Imap4Rev2", "X-NEW=thing", "COMPRESS=DEFLATE", "LITERAL+"}, want: []string{"Imap4Rev2", "X-NEW=thing", "COMPRESS=DEFLATE", "LITERAL+"}},
		"weak":       {offered: []string{"IMAP4rev1", "AUTH=PLAIN", "IDLE"}, weak: true, want: []string{"IMAP4rev1", "IDLE", "LOGINDISABLED"}},
	} {
		before := slices.Clone(c.offered)
		if got := shown(c.offered, &gate.Mechanisms{Hidden: c.hidden}, !c.weak); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if !slices.Equal(before, c.offered) {
			t.Errorf("%s: the backend's own list has changed", name)
		}
	}
}

// settledForTest returns a gate whose backend has sent its greeting and whose
// client has not sent a command.
func settledForTest(offer string) (*Gate, error) {
	g := New(gatetest.Session(9))
	g.front = clientSending("", 1).Front()
	return g, g.Open((&server{}).conn("* OK [CAPABILITY IMAP4rev1 " + offer + "] hi"))
}

func TestRefuse(t *testing.T) {
	for why, want := range map[gate.Reason]string{
		gate.Done:            "",
		gate.ClientGone:      "",
		gate.HandshakeFailed: "",
		gate.Timeout:         "* BYE timeout exceeded\r\n",
		gate.Busy:            "* BYE [UNAVAILABLE] too many connections\r\n",
		gate.Shutdown:        "* BYE [UNAVAILABLE] the service is shutting down\r\n",
		gate.BackendDown:     "* BYE [UNAVAILABLE] service not available [ID]\r\n",
		gate.BackendGarbage:  "* BYE [UNAVAILABLE] service not available [ID]\r\n",
		gate.Internal:        "* BYE [SERVERBUG] internal error [ID]\r\n",
		gate.TooManyErrors:   "* BYE too many errors\r\n",
	} {
		client := clientSending("", 1)
		New(gatetest.Session(9)).Refuse(client.Front(), why)
		if client.Output.String() != want {
			t.Errorf("%v: %q, want %q", why, client.Output.String(), want)
		}
	}
}

// TestRefuseRelayed checks that a broken relay sends no BYE, which could become
// part of a message.
func TestRefuseRelayed(t *testing.T) {
	for why, want := range map[gate.Reason]bool{gate.BackendGone: false, gate.Internal: false, gate.Shutdown: true, gate.Timeout: true} {
		client := clientSending("", 1)
		g := New(gatetest.Session(9))
		g.loggedIn = true
		g.Refuse(client.Front(), why)
		if strings.HasPrefix(client.Output.String(), "* BYE ") != want {
			t.Errorf("%v: %q", why, client.Output.String())
		}
	}
}

// TestNoCertificate checks that STARTTLS is neither offered nor accepted
// without a certificate.
func TestNoCertificate(t *testing.T) {
	client := clientSending("a STARTTLS\r\nb LOGOUT\r\n", 99)
	front := client.Front()
	front.Handshake = nil
	if err := New(gatetest.Session(9)).Secure(front); gate.ReasonOf(err) != gate.Done {
		t.Fatal(err)
	}
	want := "* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] mail.example.com ready\r\n" +
		"a NO [UNAVAILABLE] TLS not available\r\n* BYE Logging out\r\nb OK LOGOUT completed\r\n"
	if client.Output.String() != want {
		t.Errorf("output %q", client.Output.String())
	}
}

func TestCapabilities(t *testing.T) {
	for _, c := range []struct {
		list, name string
		want       bool
	}{
		{"IMAP4rev1 ID", "ID", true}, {"imap4rev1 id", "ID", true}, {"IMAP4rev1", "ID", false}, {"", "ID", false},
		{"IMAP4rev1 SASL-IR", "SASL-IR", true}, {"IMAP4rev1", "SASL-IR", false}, {"Imap4Rev2", "SASL-IR", true},
		{"IMAP4rev2", "LITERAL+", false}, {"IMAP4rev2 LITERAL-", "LITERAL+", false}, {"LITERAL+x", "LITERAL+", false},
	} {
		if capabilities(strings.Fields(c.list)).has(c.name) != c.want {
			t.Errorf("%q has %s: want %v", c.list, c.name, c.want)
		}
	}
}
