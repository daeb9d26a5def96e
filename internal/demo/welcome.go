package demo

import (
	"fmt"
	"strings"
	"time"
)

// welcome returns the first message of the INBOX, so that a new user finds
// something to read.
func welcome(hostname string) []byte {
	text := fmt.Sprintf(`Return-Path: <postmaster@%[1]s>
Delivered-To: %[2]s@%[1]s
Date: %[3]s
From: Letterlock <postmaster@%[1]s>
To: %[2]s@%[1]s
Subject: Welcome to Letterlock
Message-ID: <welcome@%[4]s>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

You are reading this over TLS, from a mail server that knows none.

Send mail to any name at %[1]s: it arrives here, by IMAP and by POP3.
It is kept in memory and gone when the demo ends.
`, Domain, User, time.Now().Format(time.RFC1123Z), hostname)
	return []byte(strings.ReplaceAll(text, "\n", "\r\n"))
}
