package probe

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/mailclient"
)

func TestSMTP(t *testing.T) {
	judged := Target{Protocol: "smtp", Handover: gate.XCLIENT}
	open := rule{"RCPT TO:<relay-test@example.net>", "250 ok\r\n"}
	careless := rule{"RCPT TO:<relay-test@relay-test.invalid>", "250 ok\r\n"}
	cases := map[string]struct {
		rules    []rule
		target   Target
		severity Severity
		text     string // of the only finding; empty: there is none
	}{
		"good":                {mailRules(), judged, 0, ""},
		"open relay":          {mailRules(open), judged, Danger, "OPEN RELAY"},
		"careless relay":      {mailRules(careless), judged, Danger, "OPEN RELAY"},
		"allowed":             {mailRules(open), Target{Protocol: "smtp", AllowOpenRelay: true}, Warning, "allow_open_relay"},
		"guarded":             {mailRules(open), Target{Protocol: "smtp", KnownRecipients: true}, Warning, "knows the recipients"},
		"submission":          {mailRules(open), Target{Protocol: "smtp", Submission: true, Login: true}, Warning, "without a login"},
		"tproxy":              {mailRules(open), Target{Protocol: "smtp", OwnAddress: true}, Warning, "own address"},
		"any password":        {mailRules(rule{"AUTH ", "235 welcome\r\n"}), judged, Danger, "any password"},
		"no AUTH, none used":  {mailRules(rule{"EHLO ", "250 old\r\n"}), Target{Protocol: "smtp"}, 0, ""},
		"no AUTH":             {mailRules(rule{"EHLO ", "250 old\r\n"}), Target{Protocol: "smtp", Submission: true, Login: true}, Warning, "AUTH is not offered"},
		"odd AUTH":            {mailRules(rule{"EHLO ", "250-old\r\n250 AUTH CRAM-MD5 NTLM\r\n"}), Target{Protocol: "smtp", Submission: true, Login: true}, Warning, "only CRAM-MD5, NTLM"},
		"no XCLIENT":          {mailRules(rule{"EHLO ", "250 old\r\n"}), judged, Warning, "XCLIENT is not offered"},
		"XCLIENT refused":     {mailRules(rule{"XCLIENT ", "550 5.7.0 Error: insufficient authorization\r\n"}), judged, Warning, "550 5.7.0"},
		"XCLIENT misread":     {mailRules(rule{"XCLIENT ", "501 5.5.4 bad\r\n"}), judged, Warning, "501"},
		"no XFORWARD":         {mailRules(), Target{Protocol: "smtp", Handover: gate.XFORWARD, KnownRecipients: true}, Warning, "XFORWARD"},
		"header unread":       {mailRules(rule{"EHLO ", "502 what\r\n250 old\r\n"}), Target{Protocol: "smtp", Handover: gate.PROXYHeader}, Warning, "PROXY header"},
		"header read":         {mailRules(open), Target{Protocol: "smtp", Handover: gate.PROXYHeader}, Danger, "OPEN RELAY"},
		"no EHLO":             {mailRules(rule{"EHLO ", "502 what\r\n"}, rule{"HELO", "250 old\r\n"}), Target{Protocol: "smtp"}, 0, ""},
		"percent hack":        {mailRules(rule{"RCPT TO:<relay-test%", "250 ok\r\n"}), judged, Warning, "relay-test%example.net@mail.example.com"},
		"percent hack, known": {mailRules(rule{"RCPT TO:<relay-test%", "250 ok\r\n"}), Target{Protocol: "smtp", KnownRecipients: true}, 0, ""},
		"source route":        {mailRules(rule{"RCPT TO:<@", "250 ok\r\n"}), judged, Warning, "<@mail.example.com:relay-test@example.net>"},
		"catch-all":           {mailRules(rule{"RCPT TO:<letterlock-probe", "250 ok\r\n"}, rule{"RCPT TO:<relay-test%", "250 ok\r\n"}), judged, Unknown, "as it accepts every address at that domain"},
		"catch-all, route":    {mailRules(rule{"RCPT TO:<@", "450 later\r\n"}), judged, Unknown, "to addresses with a route in them is not known"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			findings, received, err := probeBackend(t, &backend{greeting: "220 old\r\n", rules: c.rules}, c.target)
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range received {
				if strings.HasPrefix(line, "DATA") || strings.HasPrefix(line, "BDAT") {
					t.Fatal("a message was sent")
				}
			}
			expect(t, findings, c.severity, c.text)
		})
	}
}

// Without a login the answers are those that any client gets.
func TestSMTPWithoutLogin(t *testing.T) {
	_, received, err := probeBackend(t, &backend{greeting: "220 old\r\n", rules: mailRules()}, Target{Protocol: "smtp", Handover: gate.XCLIENT})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"EHLO mail.example.com", "XCLIENT ADDR=192.0.2.1 PORT=25025 NAME=[UNAVAILABLE]", "EHLO mail.example.com", "MAIL FROM:<>"}
	if got := strings.Join(received[:4], "\n"); got != strings.Join(want, "\n") {
		t.Errorf("it received\n%s", got)
	}
}

func TestOtherProtocols(t *testing.T) {
	imapRules := func(capabilities string, more ...rule) []rule {
		return append(more, rule{"CAPABILITY", "* CAPABILITY IMAP4rev1 " + capabilities + "\r\nTAG OK done\r\n"}, rule{"ID", "* ID NIL\r\nTAG OK done\r\n"}, rule{"CAPABILITY", "* CAPABILITY IMAP4rev1 " + capabilities + "\r\nTAG OK done\r\n"},
			rule{"LOGIN", "TAG NO no\r\n"}, rule{"LOGOUT", ""})
	}
	pop3Rules := func(more ...rule) []rule {
		return append(more, rule{"USER", "+OK\r\n"}, rule{"PASS", "-ERR no\r\n"}, rule{"QUIT", ""}, rule{"XCLIENT", "+OK Updated\r\n"})
	}
	sieveRules := func(more ...rule) []rule {
		return append(more, rule{"AUTHENTICATE", "NO \"no\"\r\n"}, rule{"LOGOUT", ""}, rule{"XCLIENT", "OK\r\n"}, rule{"CAPABILITY", "\"SASL\" \"PLAIN\"\r\nOK\r\n"})
	}
	const sieveGreeting = "\"IMPLEMENTATION\" \"old\"\r\n\"SASL\" \"PLAIN LOGIN\"\r\n\"XCLIENT\"\r\nOK \"ready\"\r\n"
	for name, c := range map[string]struct {
		protocol string
		spoken   gate.Handover
		greeting string
		rules    []rule
		severity Severity
		text     string
	}{
		"imap, good":               {"imap", gate.IMAPID, "* OK old\r\n", imapRules("ID"), 0, ""},
		"imap, no login":           {"imap", gate.NoHandover, "* OK old\r\n", imapRules("LOGINDISABLED"), Warning, "LOGINDISABLED"},
		"imap, any password":       {"imap", gate.NoHandover, "* OK old\r\n", imapRules("", rule{"LOGIN", "TAG OK [CAPABILITY x] welcome\r\n"}), Danger, "any password"},
		"imap, no ID":              {"imap", gate.IMAPID, "* OK old\r\n", imapRules(""), Warning, "ID is not offered"},
		"imap, ID refused":         {"imap", gate.IMAPID, "* OK old\r\n", imapRules("ID", rule{"ID", "TAG BAD what\r\n"}), Warning, "BAD"},
		"imap, header unread":      {"imap", gate.PROXYHeader, "* OK old\r\nPROXY BAD what\r\n", imapRules("", rule{"NOOP", "TAG OK\r\n"}), Warning, "PROXY header"},
		"imap, header read":        {"imap", gate.PROXYHeader, "* OK old\r\n", imapRules("", rule{"NOOP", "TAG OK\r\n"}), 0, ""},
		"pop3, header unread":      {"pop3", gate.PROXYHeader, "+OK old\r\n-ERR what\r\n", pop3Rules(rule{"CAPA", "+OK\r\nTOP\r\n.\r\n"}), Warning, "PROXY header"},
		"pop3, header read":        {"pop3", gate.PROXYHeader, "+OK old\r\n", pop3Rules(rule{"CAPA", "+OK\r\nTOP\r\n.\r\n"}), 0, ""},
		"sieve, header unread":     {"sieve", gate.PROXYHeader, sieveGreeting + "NO \"what\"\r\n", sieveRules(), Warning, "PROXY header"},
		"sieve, header read":       {"sieve", gate.PROXYHeader, sieveGreeting, sieveRules(), 0, ""},
		"pop3, good":               {"pop3", gate.XCLIENT, "+OK [XCLIENT] old\r\n", pop3Rules(), 0, ""},
		"pop3, no login":           {"pop3", gate.NoHandover, "+OK old\r\n", pop3Rules(rule{"USER", "-ERR [AUTH] Plaintext authentication disallowed\r\n"}), Warning, "USER"},
		"pop3, any password":       {"pop3", gate.NoHandover, "+OK old\r\n", pop3Rules(rule{"PASS", "+OK\r\n"}), Danger, "any password"},
		"pop3, no XCLIENT":         {"pop3", gate.XCLIENT, "+OK old\r\n", pop3Rules(), Warning, "XCLIENT"},
		"pop3, XCLIENT refused":    {"pop3", gate.XCLIENT, "+OK [XCLIENT] old\r\n", pop3Rules(rule{"XCLIENT", "-ERR no\r\n"}), Warning, "-ERR no"},
		"sieve, good":              {"sieve", gate.XCLIENT, sieveGreeting, sieveRules(), 0, ""},
		"sieve, no login":          {"sieve", gate.NoHandover, "\"SASL\" \"\"\r\nOK\r\n", sieveRules(), Warning, "SASL"},
		"sieve, another mechanism": {"sieve", gate.NoHandover, "\"SASL\" \"SCRAM-SHA-1\"\r\nOK\r\n", sieveRules(), Unknown, "none of its mechanisms (SCRAM-SHA-1)"},
		"sieve, odd mechanisms":    {"sieve", gate.NoHandover, "\"SASL\" \"CRAM-MD5\"\r\nOK\r\n", sieveRules(), Warning, "only CRAM-MD5"},
		"sieve, any password":      {"sieve", gate.NoHandover, sieveGreeting, sieveRules(rule{"AUTHENTICATE", "OK\r\n"}), Danger, "any password"},
		"sieve, no XCLIENT":        {"sieve", gate.XCLIENT, "\"SASL\" \"PLAIN\"\r\nOK\r\n", sieveRules(), Warning, "XCLIENT"},
		"sieve, XCLIENT refused":   {"sieve", gate.XCLIENT, sieveGreeting, sieveRules(rule{"XCLIENT", "NO \"no\"\r\n"}), Warning, "XCLIENT"},
	} {
		t.Run(name, func(t *testing.T) {
			findings, _, err := probeBackend(t, &backend{greeting: c.greeting, rules: c.rules}, Target{Protocol: c.protocol, Handover: c.spoken, Login: true})
			if err != nil {
				t.Fatal(err)
			}
			expect(t, findings, c.severity, c.text)
		})
	}
}

// The backend must offer the method that backend_login names, and then need not offer
// others.
func TestLoginMethod(t *testing.T) {
	const lacks = "does not offer the login that backend_login names (CRAM-MD5)"
	for name, c := range map[string]struct {
		protocol, greeting string
		rules              []rule
		method             gate.LoginMethod
		text               string
	}{
		"smtp":                   {"smtp", "220 old\r\n", mailRules(rule{"EHLO ", "250-old\r\n250 AUTH CRAM-MD5\r\n"}), gate.ByCRAM, ""},
		"smtp, of old":           {"smtp", "220 old\r\n", mailRules(rule{"EHLO ", "250-old\r\n250 AUTH=LOGIN CRAM-MD5\r\n"}), gate.ByLogin, ""},
		"smtp, not offered":      {"smtp", "220 old\r\n", mailRules(), gate.ByCRAM, lacks},
		"imap":                   {"imap", "* OK old\r\n", []rule{{"CAPABILITY", "* CAPABILITY LOGINDISABLED AUTH=CRAM-MD5\r\nTAG OK\r\n"}, {"AUTHENTICATE CRAM-MD5", "+ PDFAMj4=\r\n"}, {"LOGOUT", ""}, {"", "TAG NO\r\n"}}, gate.ByCRAM, ""},
		"imap, not offered":      {"imap", "* OK old\r\n", []rule{{"CAPABILITY", "* CAPABILITY AUTH=PLAIN\r\nTAG OK\r\n"}}, gate.ByCRAM, lacks},
		"imap, its command":      {"imap", "* OK old\r\n", []rule{{"CAPABILITY", "* CAPABILITY LOGINDISABLED\r\nTAG OK\r\n"}}, gate.ByCommand, "LOGINDISABLED"},
		"pop3":                   {"pop3", "+OK\r\n", []rule{{"CAPA", "+OK\r\nSASL CRAM-MD5\r\n.\r\n"}, {"AUTH CRAM-MD5", "+ PDFAMj4=\r\n"}, {"QUIT", ""}, {"", "-ERR\r\n"}}, gate.ByCRAM, ""},
		"pop3, without CAPA":     {"pop3", "+OK\r\n", []rule{{"CAPA", "-ERR\r\n"}, {"AUTH CRAM-MD5", "-ERR no\r\n"}}, gate.ByCRAM, ""},
		"pop3, not offered":      {"pop3", "+OK\r\n", []rule{{"CAPA", "+OK\r\nSASL PLAIN\r\n.\r\n"}}, gate.ByCRAM, lacks},
		"pop3, its command":      {"pop3", "+OK\r\n", []rule{{"USER", "-ERR no\r\n"}}, gate.ByCommand, "USER is answered"},
		"sieve":                  {"sieve", "\"SASL\" \"CRAM-MD5\"\r\nOK\r\n", []rule{{`AUTHENTICATE "CRAM-MD5"`, "{8}\r\nPDFAMj4=\r\n"}, {"LOGOUT", ""}, {"", "NO\r\n"}}, gate.ByCRAM, ""},
		"sieve, not offered":     {"sieve", "\"SASL\" \"PLAIN\"\r\nOK\r\n", nil, gate.ByCRAM, lacks},
		"sieve, nothing offered": {"sieve", "\"SASL\" \"\"\r\nOK\r\n", nil, gate.ByCRAM, "no SASL mechanisms"},
	} {
		t.Run(name, func(t *testing.T) {
			findings, _, err := probeBackend(t, &backend{greeting: c.greeting, rules: c.rules}, Target{Protocol: c.protocol, Login: true, Method: c.method})
			if err != nil {
				t.Fatal(err)
			}
			expect(t, findings, Warning, c.text)
		})
	}
}

// A probe that is cut short reports that in addition to its findings.
func TestCutShort(t *testing.T) {
	for name, c := range map[string]struct {
		target Target
		b      backend
	}{
		"wrong greeting":          {Target{Protocol: "smtp"}, backend{greeting: "554 go away\r\n"}},
		"wrong greeting, imap":    {Target{Protocol: "imap"}, backend{greeting: "* BYE go away\r\n"}},
		"wrong greeting, pop3":    {Target{Protocol: "pop3"}, backend{greeting: "-ERR go away\r\n"}},
		"wrong greeting, sieve":   {Target{Protocol: "sieve"}, backend{greeting: "BYE \"go away\"\r\n"}},
		"no protocol":             {Target{Protocol: "gopher"}, backend{}},
		"closes":                  {Target{Protocol: "smtp"}, backend{greeting: "220 old\r\n", rules: []rule{{"EHLO", ""}}}},
		"421":                     {Target{Protocol: "smtp"}, backend{greeting: "220 old\r\n", rules: mailRules(rule{"RCPT", "421 too many\r\n"})}},
		"more than anybody reads": {Target{Protocol: "imap"}, backend{greeting: strings.Repeat("x", mailclient.MaxLine+1) + "\r\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			if findings, _, err := probeBackend(t, &c.b, c.target); err == nil {
				t.Errorf("no error, and found %v", findings)
			}
		})
	}
}

func TestCancelled(t *testing.T) {
	ours, theirs := net.Pipe()
	defer func() { _ = theirs.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, ours, Target{Protocol: "imap"}); err == nil {
		t.Error("no error")
	}
}

// A backend that is slow after its greeting has another error than one without a greeting.
func TestSlowBackend(t *testing.T) {
	for greeting, slow := range map[string]bool{"220 old ESMTP\r\n": true, "": false} {
		synctest.Test(t, func(t *testing.T) {
			conn, peer := net.Pipe()
			b := &backend{greeting: greeting, rules: []rule{{"RCPT", "550"}, {"", "250 ok\r\n"}}} // half a reply, and no more
			go func() { b.serve(peer); _ = peer.Close() }()
			if _, err := Run(t.Context(), conn, Target{Protocol: "smtp", Hostname: "mail.example.com"}); err == nil || errors.Is(err, ErrSlow) != slow {
				t.Errorf("%q: %v", greeting, err)
			}
		})
	}
}
