package probe

import (
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/gate"
)

// A reply that decides nothing is no clearance.
func TestRelayingIsNotKnown(t *testing.T) {
	judged := Target{Protocol: "smtp", Handover: gate.XCLIENT}
	for name, c := range map[string]struct {
		target Target
		rules  []rule
		remedy string
	}{
		"every sender refused":         {judged, []rule{{"MAIL ", "550 5.1.8 Sender address rejected: Domain not found\r\n"}}, "probe_sender"},
		"without a word":               {judged, []rule{{"MAIL ", "550 no\r\n"}}, "probe_sender"},
		"for now":                      {judged, []rule{{"MAIL ", "450 4.1.8 Domain of sender address does not resolve\r\n"}}, "probe_sender"},
		"named senders refused":        {judged, []rule{{"MAIL FROM:<p", "553 5.1.8 no such domain\r\n"}}, "probe_sender"},
		"at RCPT, by Postfix":          {judged, []rule{{"RCPT ", "450 4.1.8 <postmaster@mail.example.com>: Sender address rejected: Domain not found\r\n"}}, "probe_sender"},
		"at RCPT, by Exim":             {judged, []rule{{"RCPT ", "550-Verification failed for <postmaster@mail.example.com>\r\n550-Unrouteable address\r\n550 Sender verify failed\r\n"}}, "probe_sender"},
		"by SPF":                       {judged, []rule{{"RCPT ", "550 5.7.23 SPF check failed\r\n"}}, "probe_sender"},
		"no room":                      {judged, []rule{{"MAIL ", "452 4.3.1 Insufficient system storage\r\n"}}, later},
		"greylisted":                   {judged, []rule{{"RCPT ", "450 4.2.0 Greylisted\r\n"}}, later},
		"greylisted, of one":           {judged, []rule{{"RCPT TO:<relay-test@example.net>", "451 4.7.1 try again\r\n"}}, later},
		"too many recipients":          {judged, []rule{{"RCPT ", "452 4.5.3 too many\r\n"}}, later},
		"the client is blocked":        {judged, []rule{{"RCPT ", "554 5.7.1 Client host [192.0.2.1] blocked using relays.example.org\r\n"}}, later},
		"it has no name":               {judged, []rule{{"RCPT ", "550 5.7.25 no PTR record\r\n"}}, later},
		"its HELO is refused":          {judged, []rule{{"RCPT ", "504 5.5.2 Helo command rejected: need fully-qualified hostname\r\n"}}, later},
		"TLS is demanded":              {judged, []rule{{"MAIL ", "530 5.7.0 Must issue a STARTTLS command first\r\n"}}, later},
		"no recipient exists":          {judged, []rule{{"RCPT ", "550 5.1.2 Domain not found\r\n"}}, later},
		"the recipient takes no mail":  {judged, []rule{{"RCPT ", "556 5.1.10 Recipient address rejected: nullMX\r\n"}}, later},
		"what is 450?":                 {judged, []rule{{"RCPT ", "450 no\r\n"}}, later},
		"we know the recipients":       {Target{Protocol: "smtp", KnownRecipients: true}, []rule{{"MAIL ", "550 5.1.8 Sender address rejected\r\n"}}, "probe_sender"},
		"we demand a login":            {Target{Protocol: "smtp", Submission: true, Login: true}, []rule{{"MAIL ", "550 5.1.8 Sender address rejected\r\n"}}, "probe_sender"},
		"a word of ours":               {Target{Protocol: "smtp", Senders: [MaxSenders]string{"postmaster@relay.example"}}, []rule{{"MAIL ", "550 <postmaster@relay.example> no\r\n"}}, "probe_sender"},
		"the client is refused":        {judged, []rule{{"XCLIENT ", "554 5.7.1 Client host blocked\r\n"}}, "192.0.2.1"},
		"the client comes later":       {judged, []rule{{"XCLIENT ", "451 4.7.1 later\r\n"}}, later},
		"so does XFORWARD":             {Target{Protocol: "smtp", Handover: gate.XFORWARD}, []rule{{"EHLO ", "250-old\r\n250 XFORWARD ADDR\r\n"}, {"XFORWARD ", "451 later\r\n"}}, later},
		"a Postfix that needs a login": {judged, []rule{{"RCPT ", "554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied\r\n"}}, later},
	} {
		t.Run(name, func(t *testing.T) {
			findings, _, err := probeBackend(t, &backend{greeting: "220 old\r\n", rules: mailRules(c.rules...)}, c.target)
			if err != nil {
				t.Fatal(err)
			}
			if len(findings) != 1 || findings[0].Severity != Unknown || !strings.Contains(findings[0].Remedy, c.remedy) {
				t.Errorf("found %v, wanted one that is not known, to do: %s", findings, c.remedy)
			}
		})
	}
}

// These refusals are of relaying, in the words of servers.
func TestRelayingIsRefused(t *testing.T) {
	judged := Target{Protocol: "smtp", Handover: gate.XCLIENT}
	for name, c := range map[string]struct {
		target Target
		rules  []rule
	}{
		"Postfix":            {judged, []rule{{"RCPT ", "554 5.7.1 <relay-test@example.net>: Relay access denied\r\n"}}},
		"Postfix, as it is":  {judged, []rule{{"RCPT ", "454 4.7.1 <relay-test@example.net>: Relay access denied\r\n"}}},
		"Exim":               {judged, []rule{{"RCPT TO:<relay-test@[", "501 domain literals not allowed\r\n"}, {"RCPT ", "550 relay not permitted\r\n"}}},
		"Sendmail":           {judged, []rule{{"RCPT ", "550 5.7.1 <relay-test@example.net>... Relaying denied. Proper authentication required.\r\n"}}},
		"qmail":              {judged, []rule{{"RCPT ", "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)\r\n"}}},
		"Courier":            {judged, []rule{{"RCPT ", "513 Relaying denied.\r\n"}}},
		"Courier, odd forms": {judged, []rule{{"RCPT TO:<@", "500 Invalid address\r\n"}, {"RCPT TO:<\"", "500 Invalid address\r\n"}, {"RCPT TO:<relay-test@[", "500 Invalid address\r\n"}, {"RCPT ", "513 Relaying denied.\r\n"}}},
		"OpenSMTPD":          {judged, []rule{{"RCPT ", "550 Invalid recipient: <relay-test@example.net>\r\n"}}},
		"a login":            {judged, []rule{{"MAIL ", "530 5.7.0 Authentication required\r\n"}}},
		"no null sender":     {judged, []rule{{"MAIL FROM:<>", "550 no bounces here\r\n"}}},
		"a name of the many": {Target{Protocol: "smtp", Senders: [MaxSenders]string{"a@refused.example", known}}, []rule{{"MAIL FROM:<a@", "450 4.1.8 Domain not found\r\n"}}},
		"Postfix, submission": {Target{Protocol: "smtp", Submission: true, Login: true},
			[]rule{{"RCPT ", "554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied\r\n"}}},
	} {
		t.Run(name, func(t *testing.T) {
			findings, _, err := probeBackend(t, &backend{greeting: "220 old\r\n", rules: mailRules(c.rules...)}, c.target)
			if err != nil || len(findings) > 0 {
				t.Errorf("%v, found %v", err, findings)
			}
		})
	}
}

// A relay is found that takes some senders only: the null one, as no check of
// senders refuses it, or those of domains that it knows.
func TestRelaysForSomeSenders(t *testing.T) {
	for name, c := range map[string]struct {
		rules []rule
		from  string
	}{
		"null":  {[]rule{{"MAIL FROM:<>", "250 ok\r\n"}, {"MAIL ", "450 4.1.8 Domain not found\r\n"}, {"RCPT ", "250 ok\r\n"}}, "from <>"},
		"known": {[]rule{{"MAIL FROM:<postmaster@known.example>", "250 ok\r\n"}, {"MAIL ", "550 5.1.8 no\r\n"}, {"RCPT ", "250 ok\r\n"}}, "from <postmaster@known.example>"},
	} {
		t.Run(name, func(t *testing.T) {
			findings, _, err := probeBackend(t, &backend{greeting: "220 old\r\n", rules: mailRules(c.rules...)},
				Target{Protocol: "smtp", Handover: gate.XCLIENT, Senders: [MaxSenders]string{known, "postmaster@known.example"}})
			if err != nil {
				t.Fatal(err)
			}
			expect(t, findings, Danger, c.from)
		})
	}
}

// A reply that says nothing about the password does not clear the backend.
func TestPasswordIsNotKnown(t *testing.T) {
	capabilities := rule{"CAPABILITY", "* CAPABILITY IMAP4rev1\r\nTAG OK\r\n"}
	for name, c := range map[string]struct {
		protocol, greeting string
		rules              []rule
	}{
		"smtp":                 {"smtp", "220 old\r\n", mailRules(rule{"AUTH ", "454 4.7.0 Temporary authentication failure\r\n"})},
		"smtp, endless":        {"smtp", "220 old\r\n", mailRules(rule{"AUTH ", "334 more\r\n"}, rule{"*", "334 more\r\n"})},
		"smtp, none we know":   {"smtp", "220 old\r\n", mailRules(rule{"EHLO ", "250-old\r\n250 AUTH SCRAM-SHA-1\r\n"})},
		"imap, NO for now":     {"imap", "* OK\r\n", []rule{capabilities, {"", "TAG NO [UNAVAILABLE] later\r\n"}, {"LOGOUT", ""}}},
		"imap, NO for others":  {"imap", "* OK\r\n", []rule{capabilities, {"", "TAG NO [LIMIT] too many\r\n"}, {"LOGOUT", ""}}},
		"smtp, 535 for now":    {"smtp", "220 old\r\n", mailRules(rule{"AUTH ", "535 5.7.8 Error: authentication failed: generic failure\r\n"})},
		"smtp, in line two":    {"smtp", "220 old\r\n", mailRules(rule{"AUTH ", "535-no\r\n535 Connection lost to authentication server\r\n"})},
		"smtp, user disabled":  {"smtp", "220 old\r\n", mailRules(rule{"AUTH ", "535 5.7.13 User account disabled\r\n"})},
		"imap, without a code": {"imap", "* OK\r\n", []rule{capabilities, {"", "TAG NO Temporary problem, please try again later\r\n"}, {"LOGOUT", ""}}},
		"imap, lower case":     {"imap", "* OK\r\n", []rule{capabilities, {"", "TAG NO [unavailable] no\r\n"}, {"LOGOUT", ""}}},
		"imap, plaintext":      {"imap", "* OK\r\n", []rule{capabilities, {"", "TAG NO Plaintext authentication disallowed on non-secure connections.\r\n"}, {"LOGOUT", ""}}},
		"pop3, without a code": {"pop3", "+OK\r\n", []rule{{"USER", "+OK\r\n"}, {"PASS", "-ERR maildrop already locked\r\n"}, {"QUIT", ""}}},
		"sieve, without code":  {"sieve", "\"SASL\" \"PLAIN\"\r\nOK\r\n", []rule{{"AUTH", "NO \"Temporary authentication failure.\"\r\n"}, {"LOGOUT", ""}}},
		"sieve, moved":         {"sieve", "\"SASL\" \"PLAIN\"\r\nOK\r\n", []rule{{"AUTH", "NO (REFERRAL \"sieve://b\") \"elsewhere\"\r\n"}, {"LOGOUT", ""}}},
		"imap, BAD":            {"imap", "* OK\r\n", []rule{capabilities, {"", "TAG BAD what\r\n"}, {"LOGOUT", ""}}},
		"pop3, USER":           {"pop3", "+OK\r\n", []rule{{"USER", "-ERR [SYS/TEMP] later\r\n"}, {"QUIT", ""}}},
		"pop3, PASS":           {"pop3", "+OK\r\n", []rule{{"USER", "+OK\r\n"}, {"PASS", "-ERR [IN-USE] later\r\n"}, {"QUIT", ""}}},
		"sieve":                {"sieve", "\"SASL\" \"PLAIN\"\r\nOK\r\n", []rule{{"AUTH", "NO (TRYLATER) \"later\"\r\n"}, {"LOGOUT", ""}}},
		"sieve, bye":           {"sieve", "\"SASL\" \"PLAIN\"\r\nOK\r\n", []rule{{"AUTH", "BYE \"later\"\r\n"}, {"LOGOUT", ""}}},
		"sieve, a login twice": {"sieve", "\"SASL\" \"LOGIN\"\r\nOK\r\n", []rule{{"AUTH", "\"VXNlcg==\"\r\n"}, {"LOGOUT", ""}, {"\"", "\"more\"\r\n"}}},
	} {
		t.Run(name, func(t *testing.T) {
			findings, _, err := probeBackend(t, &backend{greeting: c.greeting, rules: c.rules}, Target{Protocol: c.protocol, Login: true})
			if err != nil {
				t.Fatal(err)
			}
			expect(t, findings, Unknown, aboutLogin+" is not known")
		})
	}
}

// Nor does a refusal for now decide whether a handover is taken.
func TestHandoverIsNotKnown(t *testing.T) {
	for name, c := range map[string]struct {
		protocol, greeting string
		spoken             gate.Handover
		rules              []rule
	}{
		"imap":         {"imap", "* OK\r\n", gate.IMAPID, []rule{{"CAPA", "* CAPABILITY ID\r\nTAG OK\r\n"}, {"ID", "TAG NO [UNAVAILABLE] later\r\n"}}},
		"imap, header": {"imap", "* OK\r\n", gate.PROXYHeader, []rule{{"NOOP", "TAG NO later\r\n"}}},
		"pop3":         {"pop3", "+OK [XCLIENT]\r\n", gate.XCLIENT, []rule{{"XCLIENT", "-ERR [SYS/TEMP] later\r\n"}}},
		"pop3, header": {"pop3", "+OK\r\n", gate.PROXYHeader, []rule{{"CAPA", "-ERR [SYS/TEMP] later\r\n"}}},
		"sieve":        {"sieve", "\"XCLIENT\"\r\nOK\r\n", gate.XCLIENT, []rule{{"XCLIENT", "NO (TRYLATER) \"later\"\r\n"}}},
		"sieve, bye":   {"sieve", "OK\r\n", gate.PROXYHeader, []rule{{"CAPABILITY", "BYE \"later\"\r\n"}}},
	} {
		t.Run(name, func(t *testing.T) {
			findings, _, err := probeBackend(t, &backend{greeting: c.greeting, rules: c.rules}, Target{Protocol: c.protocol, Handover: c.spoken})
			if err != nil {
				t.Fatal(err)
			}
			expect(t, findings, Unknown, aboutHandover+" is not known")
		})
	}
}

// A login by CRAM-MD5 that answers any challenge rightly enough is found.
func TestAnyPasswordByChallenge(t *testing.T) {
	for protocol, c := range map[string]struct {
		greeting string
		rules    []rule
	}{
		"smtp":  {"220 old\r\n", mailRules(rule{"EHLO ", "250-old\r\n250 AUTH CRAM-MD5\r\n"}, rule{"AUTH ", "334 PDFAMj4=\r\n"}, rule{"bGV0", "235 in\r\n"})},
		"imap":  {"* OK\r\n", []rule{{"CAPABILITY", "* CAPABILITY AUTH=CRAM-MD5\r\nTAG OK\r\n"}, {"AUTHENTICATE", "+ PDFAMj4=\r\n"}, {"bGV0", "TAG OK\r\n"}, {"LOGOUT", ""}}},
		"pop3":  {"+OK\r\n", []rule{{"CAPA", "-ERR\r\n"}, {"AUTH ", "+ PDFAMj4=\r\n"}, {"bGV0", "+OK\r\n"}, {"QUIT", ""}}},
		"sieve": {"\"SASL\" \"CRAM-MD5\"\r\nOK\r\n", []rule{{"AUTH", "\"PDFAMj4=\"\r\n"}, {"\"bGV0", "OK\r\n"}, {"LOGOUT", ""}}},
	} {
		t.Run(protocol, func(t *testing.T) {
			findings, _, err := probeBackend(t, &backend{greeting: c.greeting, rules: c.rules}, Target{Protocol: protocol, Login: true, Method: gate.ByCRAM})
			if err != nil {
				t.Fatal(err)
			}
			expect(t, findings, Danger, "any password")
		})
	}
}
