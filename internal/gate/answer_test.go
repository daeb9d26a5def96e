package gate

import (
	"fmt"
	"io"
	"os"
	"testing"
)

// Only refusals that are about the password, or that have no other reason,
// count as failed logins.
func TestAnswerCoded(t *testing.T) {
	for _, c := range []struct {
		status, code, text string
		want               Outcome
	}{
		// RFC 5530
		{"NO", "AUTHENTICATIONFAILED", "Authentication failed.", WrongPassword},
		{"NO", "authenticationfailed", "", WrongPassword},
		{"NO", "UNAVAILABLE", "Temporary authentication failure. [host:2026-11-21]", Unavailable},
		{"NO", "UNAVAILABLE", "Invalid password", Unavailable}, // the code decides
		{"NO", "LIMIT", "Maximum number of connections from user+IP exceeded (mail_max_userip_connections=2)", Unavailable},
		{"NO", "INUSE", "", Unavailable}, {"NO", "SERVERBUG", "", Unavailable}, {"NO", "OVERQUOTA", "", Unavailable},
		{"NO", "CONTACTADMIN", "", Rejected}, {"NO", "EXPIRED", "", Rejected}, {"NO", "PRIVACYREQUIRED", "", Rejected},
		{"NO", "AUTHORIZATIONFAILED", "", Rejected}, {"NO", "NOPERM", "", Rejected}, {"NO", "REFERRAL", "Elsewhere", Rejected},
		{"BYE", "UNAVAILABLE", "Too many", Unavailable}, {"BYE", "", "Too many login failures", WrongPassword},
		{"BYE", "", "Server shutting down", Unavailable},
		{"BAD", "", "what", WrongPassword},
		// RFC 2449, 3206
		{"-ERR", "AUTH", "Authentication failed.", WrongPassword},
		{"-ERR", "SYS/TEMP", "Temporary authentication failure.", Unavailable}, {"-ERR", "SYS/PERM", "Unable to open maildrop", Rejected},
		{"-ERR", "SYS/NEW", "", Unavailable}, {"-ERR", "IN-USE", "", Unavailable}, {"-ERR", "LOGIN-DELAY", "", Unavailable},
		// RFC 5804
		{"NO", "TRYLATER", "", Unavailable}, {"NO", "QUOTA/MAXSIZE", "", Unavailable}, {"NO", "QUOTA", "", Unavailable},
		{"NO", "ENCRYPT-NEEDED", "", Rejected}, {"NO", "AUTH-TOO-WEAK", "", Rejected}, {"NO", "TRANSITION-NEEDED", "", Rejected},

		// A text for the user.
		{"NO", "ALERT", "Maximum number of connections from user+IP exceeded (mail_max_userip_connections)", Unavailable},
		{"NO", "ALERT", "Invalid credentials (Failure)", WrongPassword},
		{"NO", "ALERT", "Authentication failed", WrongPassword},
		{"NO", "ALERT", "Please check your username and password", WrongPassword},
		{"NO", "ALERT", "User name or password refused", WrongPassword},
		{"NO", "ALERT", "Application-specific password required: https://support.google.com/accounts/answer/185833", Rejected},
		{"NO", "ALERT", "Please log in via your web browser", Rejected},
		{"NO", "WEBALERT", "Web login required", Rejected},

		// Without a code, or with an unspecific one: no reason is given.
		{"NO", "", "", WrongPassword}, {"-ERR", "", "", WrongPassword}, {"NO", "X-NEW", "no", WrongPassword},
		{"NO", "", "LOGIN failed", WrongPassword},                                                                     // UW, Exchange
		{"NO", "", "Login failed.", WrongPassword},                                                                    // Courier
		{"NO", "", "Login failed: authentication failure", WrongPassword},                                             // Cyrus
		{"NO", "", "Login failed: user not found", WrongPassword},                                                     // Cyrus
		{"-ERR", "", "Login failed.", WrongPassword},                                                                  // Courier
		{"-ERR", "", "Bad login", WrongPassword},                                                                      // UW
		{"-ERR", "", "authorization failed", WrongPassword},                                                           // qmail-popup
		{"-ERR", "", "Logon failure: unknown user name or bad password.", WrongPassword},                              // Exchange
		{"-ERR", "", `Password supplied for "alice" is incorrect.`, WrongPassword},                                    // Qpopper
		{"NO", "", "Error in user name", WrongPassword},                                                               // "in use" is no word of it
		{"NO", "", "Invalid password, or the mailbox is locked", WrongPassword},                                       // in doubt
		{"NO", "", "Authentication failed, please try again later", WrongPassword},                                    // in doubt
		{"-ERR", "", "maildrop already locked", Unavailable},                                                          // RFC 1939
		{"-ERR", "", ".alice.pop lock busy!  Is another session active? (11)", Unavailable},                           // Qpopper
		{"NO", "", "Temporary problem, please try again later", Unavailable},                                          // Courier
		{"NO", "", "Temporary authentication failure.", Unavailable},                                                  // Dovecot 1.0
		{"NO", "", "Login failed: remote authentication server unavailable", Unavailable},                             // Cyrus
		{"NO", "", "Login failed: generic failure", Unavailable},                                                      // Cyrus without saslauthd
		{"NO", "", "Server Unavailable. 15", Unavailable},                                                             // Exchange
		{"NO", "", "Server Busy", Unavailable},                                                                        // Exchange
		{"NO", "", "Login only available under a layer", Rejected},                                                    // Cyrus
		{"NO", "", "Login failed: password expired", Rejected},                                                        // Cyrus
		{"NO", "", "Plaintext authentication disallowed on non-secure connections.", Rejected},                        // Dovecot 1
		{"NO", "", "Login failed: user account disabled", Rejected},                                                   // Cyrus
		{"-ERR", "", "You are logging in too often; minimum time between is 5 min", Unavailable},                      // several
		{"NO", "", "Internal login failure. Refer to server log for more information.", Unavailable},                  // Dovecot 1
		{"BYE", "", "Disconnected for inactivity.", Unavailable},                                                      // Dovecot
		{"BYE", "", "Autologout; idle for too long", Unavailable},                                                     // Cyrus, UW
		{"BYE", "", "Connection is closed. 13", Unavailable},                                                          // Exchange
		{"BAD", "", "Request is throttled. Suggested Backoff Time: 299961 milliseconds", Unavailable},                 // Exchange
		{"-ERR", "", "Unable to open user's INBOX", Unavailable},                                                      // UW
		{"-ERR", "", "Unable to locate maildrop: System I/O error", Unavailable},                                      // Cyrus 2.4
		{"-ERR", "", "this user has no $HOME/Maildir", Unavailable}, {"-ERR", "", "aack, child crashed", Unavailable}, // qmail
		{"-ERR", "", "chdir: No such file or directory", Unavailable},                 // Courier
		{"-ERR", "", "Too many concurrent POP connections from this IP", Unavailable}, // SmarterMail
		{"NO", "", "LOGIN failed, the account is in maintenance mode", Unavailable},   // Zimbra
		{"NO", "", "Login failed: no memory available", Unavailable},                  // Cyrus
		{"-ERR", "", "Unable to log on", WrongPassword},                               // MailEnable
		{"NO", "", "Login failed: no secret in database", WrongPassword},              // Cyrus

		// The user's name explains nothing: "alice" is the user here.
		{"NO", "", "alice login failed", WrongPassword}, {"NO", "", "malice login timeout", Unavailable},
	} {
		a := AnswerCoded("alice", c.status, c.code, c.text)
		if a.Outcome != c.want || a.OK() || a.Code == "" {
			t.Errorf("%s [%s] %s: %s (%s), not %s", c.status, c.code, c.text, a, a.Code, c.want)
		}
	}
}

func TestAnswerSMTP(t *testing.T) {
	for _, c := range []struct {
		code int
		text string
		want Outcome
		log  string
	}{
		{235, "2.7.0 Authentication successful", Accepted, "235 2.7.0"},
		{535, "5.7.8 Error: authentication failed: authentication failure", WrongPassword, "535 5.7.8"},
		{535, "5.7.8 Error: authentication failed: UGFzc3dvcmQ6", WrongPassword, "535 5.7.8"},
		{535, "5.7.8 Error: authentication failed: (reason unavailable)", WrongPassword, "535 5.7.8"}, // Postfix 3.10
		{535, "Incorrect authentication data", WrongPassword, "535"},                                  // Exim
		{535, "5.7.0 authentication failed", WrongPassword, "535 5.7.0"},                              // Sendmail
		{535, "5.7.3 Authentication unsuccessful", WrongPassword, "535 5.7.3"},                        // Exchange
		{535, "authorization failed (#5.7.0)", WrongPassword, "535"},                                  // qmail
		{535, "4.7.8 no", WrongPassword, "535 4.7.8"},
		{501, "Authentication failed", WrongPassword, "501"},
		{550, "no", WrongPassword, "550"},
		{500, "Bad login", WrongPassword, "500"},
		{454, "4.7.0 Temporary authentication failure", Unavailable, "454 4.7.0"},
		{421, "4.7.0 Try again later", Unavailable, "421 4.7.0"},
		{432, "4.7.12 A password transition is needed", Unavailable, "432 4.7.12"},
		{435, "Unable to authenticate at present", Unavailable, "435"}, // Exim
		{450, "", Unavailable, "450"},
		{535, "5.7.8 Error: authentication failed: generic failure", Unavailable, "535 5.7.8"}, // Postfix 2
		{535, "5.7.8 Error: authentication failed: Connection lost to authentication server", Unavailable, "535 5.7.8"},
		{535, "4.7.0 no", Unavailable, "535 4.7.0"},
		{535, "5.4.3 no", Unavailable, "535 5.4.3"},
		{535, "5.3.0 no", Unavailable, "535 5.3.0"},
		{534, "5.7.9 Authentication mechanism is too weak", Rejected, "534 5.7.9"},
		{534, "no", Rejected, "534"}, {538, "5.7.11 no", Rejected, "538 5.7.11"}, {530, "5.7.0 no", Rejected, "530 5.7.0"},
		{535, "5.7.13 User account disabled", Rejected, "535 5.7.13"}, {535, "5.2.1 no", Rejected, "535 5.2.1"},
		{501, "5.5.2 Malformed response", Rejected, "501 5.5.2"}, {504, "no", Rejected, "504"}, {503, "5.5.1 no", Rejected, "503 5.5.1"},
		{500, "5.5.6 Line too long", Rejected, "500 5.5.6"},
		{535, "5.7.8 Error: authentication failed: Internal authentication error", Unavailable, "535 5.7.8"}, // Postfix with Dovecot
		{535, "", WrongPassword, "535"}, {535, "5..8 x", WrongPassword, "535"}, {535, "5.7.8", WrongPassword, "535 5.7.8"},
	} {
		if a := AnswerSMTP("alice", c.code, c.text); a.Outcome != c.want || a.Code != c.log {
			t.Errorf("%d %s: %s (%s), not %s (%s)", c.code, c.text, a, a.Code, c.want, c.log)
		}
	}
}

// The reason for a refusal may stand in any line of the reply.
func TestAnswerSMTPOfManyLines(t *testing.T) {
	for _, c := range []struct {
		lines []string
		want  Outcome
	}{
		{[]string{"Authentication failed", "5.7.8 Temporary problem with the user database"}, Unavailable},
		{[]string{"5.7.9 Please log in with your web browser", "5.7.9 and then try again."}, Rejected},
		{[]string{"5.7.8 Username and Password not accepted.", "5.7.8 See https://mail.example.com/"}, WrongPassword},
	} {
		if a := AnswerSMTP("alice", 535, c.lines...); a.Outcome != c.want {
			t.Errorf("%q: %s, not %s", c.lines, a, c.want)
		}
	}
}

// Servers repeat the user's name. Guessing must not be free for a user in whose name
// there is a word that explains refusals.
func TestNameOfUserExplainsNothing(t *testing.T) {
	for _, c := range []struct {
		user, text string
		want       Outcome
	}{
		{"joe@busy.example.com", "login of joe@busy.example.com refused", WrongPassword},
		{"joe@busy.example.com", "no mailbox of Joe at BUSY.example.com", WrongPassword},
		{`TIMEOUT\joe`, `TIMEOUT\joe refused`, WrongPassword}, {`TIMEOUT\joe`, "<timeout> refuses joe", WrongPassword},
		{"temp", "temporary problem with temp", Unavailable}, {"temp", "temp, temp", WrongPassword},
		{"joe*busy", "master user busy refused", WrongPassword},
		{"", "server busy", Unavailable}, {"@", "server busy", Unavailable},
	} {
		if a := AnswerCoded(c.user, "NO", "", c.text); a.Outcome != c.want {
			t.Errorf("%s: %q: %s, not %s", c.user, c.text, a, c.want)
		}
		if a := AnswerSMTP(c.user, 535, c.text); a.Outcome != c.want {
			t.Errorf("%s: 535 %q: %s, not %s", c.user, c.text, a, c.want)
		}
	}
}

func TestHungUp(t *testing.T) {
	if a := HungUp(Because(BackendGone, io.EOF)); a.Outcome != WrongPassword {
		t.Errorf("a backend that closes the connection: %s", a)
	}
	if a := HungUp(Because(BackendGone, fmt.Errorf("reading: %w", os.ErrDeadlineExceeded))); a.Outcome != Unavailable {
		t.Errorf("a backend that does not reply: %s", a)
	}
}

// A backend's code is logged only if it has the form of one.
func TestLoggableCode(t *testing.T) {
	for code, want := range map[string]string{
		"": "NO", "LIMIT": "LIMIT", "sys/temp": "SYS/TEMP", "a b": "NO", "A\x1b": "NO", "ÄÖ": "NO",
		"0123456789012345678901234567890123456789X": "NO",
	} {
		if a := AnswerCoded("", "NO", code, ""); a.Code != want {
			t.Errorf("%q is logged as %q, not %q", code, a.Code, want)
		}
	}
}
