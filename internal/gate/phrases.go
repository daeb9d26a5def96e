package gate

import (
	"slices"
	"strings"
)

// Servers from before RFC 5530, and some of today, have no code for why they
// refuse a login, but say it in their texts. These are the texts of Courier,
// Cyrus, Dovecot, Exchange, Qpopper, UW and others; fetchmail looks for some of
// them too. What no phrase explains is a wrong password, or guessing would be
// free at servers that say little.
var (
	// ofPasswords comes first: a text that speaks of the credentials may speak of
	// other reasons beside them.
	ofPasswords = []string{
		"invalid", "incorrect", "wrong", "credential", "bad login", "bad password", "bad auth", "mismatch",
		"unknown user", "user unknown", "no such user", "user not found", "password supplied", "login failure: unknown",
	}

	ofUnavailability = []string{
		"temporar", "transient", "unavailable", "not available", "server error", "internal error", "system error", "generic failure",
		"number of connections", "connection limit", "connections exceeded", "too many connections", "too many sessions", "too many open",
		"busy", "overload", "timed out", "timeout", "connection refused", "cannot connect", "can't connect", "lost connection", "connection lost", "shutting down",
		"already locked", "unable to lock", "can't lock", "cannot lock", "could not lock", "mailbox is locked", "maildrop is locked", "mailbox locked", "lock failed",
		"already in use", "mailbox in use", "maildrop in use", "mailbox is in use", "maildrop is in use", "another session", "another pop", "over quota", "quota exceeded", "minimum time between", "logging in too",
	}

	ofOtherReasons = []string{
		"expired", "account disabled", "account is disabled", "non-secure", "only available under a layer", "encryption", "without ssl", "without tls",
		"too weak", "no mechanism available",
	}

	// ofFailures tell that a text for the user is about the login itself.
	ofFailures = []string{"authentication fail", "authorization fail", "login fail", "logon fail"}
)

// judgeText derives the outcome from the text of a refusal.
func judgeText(text string, unexplained Outcome) Outcome {
	text = strings.ToLower(text)
	contains := func(phrases []string) bool {
		return slices.ContainsFunc(phrases, func(phrase string) bool { return strings.Contains(text, phrase) })
	}
	switch {
	case contains(ofPasswords):
		return WrongPassword
	case contains(ofUnavailability):
		return Unavailable
	case contains(ofOtherReasons):
		return Rejected
	case contains(ofFailures):
		return WrongPassword
	}
	return unexplained
}
