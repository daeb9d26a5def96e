// The log contains the lines that postmasters count, with the words and in the
// fields that their scripts expect. TestMain checks after all tests that the
// log contains no secret.

package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// histogram is the pipeline with which the BetterCrypto handbook counts the
// versions and ciphers in a Postfix log.
const histogram = `grep 'TLS connection established from.*with cipher' | ` +
	`awk '{printf("%s %s %s %s\n", $12, $13, $14, $15)}' | sort | uniq -c | sort -n`

func TestHistogram(t *testing.T) {
	mark := logMark(t)
	for _, options := range [][]string{{"-tls1_2"}, {"-tls1_3"}, {"-tls1_3"}} {
		args := append([]string{"s_client", "-quiet", "-verify_quiet", "-connect", localhost(t, "imaps")}, options...)
		tool{stdin: "1 LOGOUT\r\n"}.run(t, "openssl", args...)
	}
	awaitLogs(t, mark, 3, "outcome=done")
	log := strings.Join(shared.proxy.Log.Since(mark), "\n") + "\n"
	out := tool{stdin: log}.run(t, "sh", "-c", histogram)
	want := regexp.MustCompile(`^ +1 TLSv1\.2 with cipher ECDHE-ECDSA-AES\S+
 +2 TLSv1\.3 with cipher TLS_AES\S+
$`)
	if !want.MatchString(out) {
		t.Errorf("the histogram is\n%sof\n%s", out, log)
	}
}

func TestLogOfHandshakes(t *testing.T) {
	mark := logMark(t)
	tool{stdin: "1 LOGOUT\r\n"}.run(t, "openssl", "s_client", "-quiet", "-verify_quiet", "-connect", localhost(t, "imaps"), "-tls1_2")
	line := awaitLog(t, mark, "TLS connection established from")
	want := regexp.MustCompile(`^\w{3} [ \d]\d [\d:]{8} \S+ letterlock/imaps\[\d+\]: Anonymous TLS connection established from unknown\[127\.0\.0\.1\]: ` +
		`TLSv1\.2 with cipher ECDHE-ECDSA-\S+ \((128|256)/(128|256) bits\)`)
	if !want.MatchString(line) {
		t.Errorf("the line is %q", line)
	}

	// A failed handshake is logged with the client's offer, unless the same
	// address has failed shortly before.
	mark = logMark(t)
	tool{fails: true}.run(t, "openssl", "s_client", "-quiet", "-verify_quiet", "-connect", proxy(t, "imaps"), "-bind", newAddress()+":0",
		"-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
	awaitLog(t, mark, "TLS handshake with", "failed", "versions=TLSv1.1")
}

func TestLogOfRefusals(t *testing.T) {
	a := newAccount(t)
	mark := logMark(t)
	c := dial(t, proxy(t, "imap"))
	c.expect("* OK")
	c.send("1 LOGIN " + a.Name + " " + a.Password)
	c.expect("1 NO")
	awaitLog(t, mark, "letterlock/imap[", "refused before TLS", "command=LOGIN")
}

// TestLogOfSessions checks that the session's line has the client, the user,
// the bytes and the outcome.
func TestLogOfSessions(t *testing.T) {
	a := newAccount(t)
	put(t, a, body)
	mark := logMark(t)
	curlRead(t, a, "imaps://"+localhost(t, "imaps")+"/INBOX;MAILINDEX=1")
	line := awaitLog(t, mark, "letterlock/imaps[", ": session ", "user="+a.Name)
	for _, field := range []string{"client=127.0.0.1:", "tls=TLSv1.3", "suite=TLS_", "group=", "sni=localhost", "received=", "sent=", "duration=", "outcome=done"} {
		if !strings.Contains(line, field) {
			t.Errorf("%q is not in %s", field, line)
		}
	}
}

// newAddress returns an address of this machine that no other test has used.
func newAddress() string {
	shared.addresses++
	return fmt.Sprintf("127.33.0.%d", shared.addresses)
}
