package gate

import (
	"slices"
	"strings"
)

// Servers from before RFC 5530, and some of today, have no code for the reason
// of a refused login, but a text. These are the texts of Courier, Cyrus,
// Dovecot, Exchange, Qpopper, UW and others; fetchmail searches for some of
// them too. A text without a known phrase counts as a wrong password; otherwise
// passwords could be guessed without limit at such servers.
var (
	// ofPasswords is checked first: a text about the credentials may mention
	// other reasons too.
	ofPasswords = []string{
		"invalid", "incorrect", "wrong", "credential", "bad login", "bad password", "bad auth", "mismatch",
		"check your", "username and password", "username or password", "user name and password", "user name or password", "login or password", "name or password",
		"unknown user", "user unknown", "no such user", "user not found", "password supplied", "login failure: unknown",
		"reason unavailable", // Postfix from 3.10 on, where the server that checks passwords gives no reason
	}

	ofUnavailability = []string{
		"temporar", "transient", "unavailable", "not available", "server error", "internal error", "system error", "generic failure",
		"internal login", "internal auth", "internal problem", "i/o error", "input/output error", "child crashed", "out of memory", "no memory", "no space left", "disk full", "read-only file system",
		"unable to open", "unable to locate", "unable to scan", "unable to read", "unable to create", "cannot open", "can't open", "could not open", "failed to open", "no such file", "no $home",
		"too many concurrent", "too many simultaneous", "too many users", "too many clients", "too many processes", "too many requests", "throttl", "rate limit",
		"maintenance", "going down", "not responding", "unreachable", "offline", "unable to connect", "failed to connect", "could not connect", "can't contact", "cannot contact", "unable to contact",
		"inactivity", "autologout", "auto-logout", "idle too long", "idle for too long", "connection is closed",
		"number of connections", "connection limit", "connections exceeded", "too many connections", "too many sessions", "too many open",
		"busy", "overload", "timed out", "timeout", "connection refused", "cannot connect", "can't connect", "lost connection", "connection lost", "shutting down",
		"already locked", "unable to lock", "can't lock", "cannot lock", "could not lock", "mailbox is locked", "maildrop is locked", "mailbox locked", "lock failed",
		"already in use", "mailbox in use", "maildrop in use", "mailbox is in use", "maildrop is in use", "another session", "another pop", "over quota", "quota exceeded", "minimum time between", "logging in too",
	}

	ofOtherReasons = []string{
		"expired", "account disabled", "account is disabled", "has been disabled", "is disabled for", "login disabled", "login is disabled", "not permitted from", "non-secure", "only available under a layer", "encryption", "without ssl", "without tls",
		"too weak", "no mechanism available",
	}

	// ofFailures are phrases that show that a text for the user is about the
	// login itself.
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

// withoutName removes the user's name from the text of a refusal, and the parts of
// the name. Servers repeat the name, and that of joe@busy.example.com would explain
// the refusal: guessing would be free for this user.
func withoutName(text, user string) string {
	text, user = strings.ToLower(text), strings.ToLower(user)
	parts := strings.FieldsFunc(user, func(c rune) bool { return strings.ContainsRune(`@\/%*!`, c) })
	for _, name := range append([]string{user}, parts...) {
		text = removeWord(text, name)
	}
	return text
}

// removeWord removes a word from a text, except where it is a part of a longer word.
func removeWord(text, word string) string {
	for at := 0; word != ""; {
		i := strings.Index(text[at:], word)
		if i < 0 {
			break
		}
		at += i
		if end := at + len(word); isWithinWord(text[:at], text[end:]) {
			at++
		} else {
			text = text[:at] + text[end:]
		}
	}
	return text
}

// isWithinWord reports whether a letter or a digit stands at the end of before or at
// the start of after.
func isWithinWord(before, after string) bool {
	belongs := func(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 0x80 }
	return before != "" && belongs(before[len(before)-1]) || after != "" && belongs(after[0])
}
