// Package mta acts as a mail server in tests. A Sender sends each message again
// and again until a server acknowledges it, and records the replies, so that a
// test can tell which messages must have arrived, and how often. Meaning reads
// the text of a message as RFC 5321 defines it.
package mta

import (
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Sender sends letters to one server.
type Sender struct {
	Address  func() string // is called for each connection
	TLS      *tls.Config   // for every other session; nil: all sessions are in plaintext
	To       string
	Letters  int
	Sessions int // the number of concurrent sessions

	Header         string          // lines before each letter; none has its ID
	User, Password string          // for a login; empty: none. With a login all sessions use TLS
	PerConnection  int             // the number of letters on one connection; 0: no limit
	Pause          time.Duration   // of a session between two letters
	Enough         <-chan struct{} // when it is closed, no more letters are begun; nil: never

	sent        atomic.Int64
	badPassword atomic.Int64
}

// Letter is the result of sending one letter.
type Letter struct {
	ID       string
	Attempts int

	// Undecided counts the attempts whose text was sent completely, or may have
	// been, without a final reply: no reply came, or a 421, which is about the
	// connection. The server may have accepted the letter or not, and the
	// sender cannot know (RFC 1047).
	Undecided int

	// Refused counts the attempts that got a negative reply.
	Refused int

	// Acknowledged says that the last attempt got a 2xx reply.
	Acknowledged bool
}

// IDHeader is the beginning of the header line with a letter's ID.
const IDHeader = "X-Letter: "

// Text returns a letter with CRLF and without dot stuffing. The length depends
// on the ID, and often exceeds the buffers on the way.
func Text(id string) string {
	random := rand.New(rand.NewPCG(uint64(len(id)), sum(id)))
	var b strings.Builder
	b.WriteString("Subject: letter\r\n" + IDHeader + id + "\r\n\r\n.\r\n..\r\n")
	for range random.IntN(1 + random.IntN(1200)) {
		b.WriteString(".a line of some length, as people write them\r\n"[random.IntN(2):])
	}
	b.WriteString("the end of " + id + "\r\n")
	return b.String()
}

func sum(id string) (n uint64) {
	for _, b := range []byte(id) {
		n = n*31 + uint64(b)
	}
	return n
}

// Sent returns the number of letters that have been acknowledged so far.
func (s *Sender) Sent() int { return int(s.sent.Load()) }

// BadPassword returns how often the server has refused the login for a wrong
// password.
func (s *Sender) BadPassword() int { return int(s.badPassword.Load()) }

// Run sends all letters, or as many as possible before ctx ends. It returns
// those that were begun.
func (s *Sender) Run(ctx context.Context) []Letter {
	letters := make([]Letter, s.Letters)
	next := make(chan *Letter)
	var sessions sync.WaitGroup
	for i := range s.Sessions {
		sessions.Go(func() {
			c := &client{sender: s, secure: s.TLS != nil && (i%2 == 1 || s.User != "")}
			defer c.disconnect()
			for l := range next {
				c.send(ctx, l)
				if s.Pause > 0 {
					c.pause(ctx)
				}
			}
		})
	}
	begun := 0
	for begun < len(letters) && s.offer(next, &letters[begun], begun) {
		begun++
	}
	close(next)
	sessions.Wait()
	return letters[:begun]
}

// offer passes a letter to a session, and reports whether it has.
func (s *Sender) offer(next chan<- *Letter, l *Letter, number int) bool {
	l.ID = fmt.Sprintf("%d-of-%d", number, s.Letters)
	select {
	case next <- l:
		return true
	case <-s.Enough:
		return false
	}
}

// pause waits between two letters.
func (c *client) pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(c.sender.Pause):
	}
}

// send sends a letter until it is acknowledged.
func (c *client) send(ctx context.Context, l *Letter) {
	for ctx.Err() == nil {
		l.Attempts++
		switch c.attempt(l.ID, l.Attempts) {
		case acknowledged:
			l.Acknowledged = true
			c.sender.sent.Add(1)
			return
		case refused:
			l.Refused++
		case undecided:
			l.Undecided++
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Check compares the letters that a server has stored, by ID, with its replies:
// each acknowledged letter must be stored, and no letter more often than its
// sender can explain: once, and once for each undecided attempt.
func Check(letters []Letter, kept map[string]int) (problems []string) {
	for _, l := range letters {
		most := l.Undecided
		if l.Acknowledged {
			most++
		}
		switch n := kept[l.ID]; {
		case !l.Acknowledged:
			problems = append(problems, fmt.Sprintf("%s was never acknowledged: %+v", l.ID, l))
		case n == 0:
			problems = append(problems, fmt.Sprintf("LOST: %s was acknowledged, and is not there: %+v", l.ID, l))
		case n > most:
			problems = append(problems, fmt.Sprintf("DOUBLED: %s is there %d times: %+v", l.ID, n, l))
		}
	}
	if len(kept) > len(letters) {
		problems = append(problems, fmt.Sprintf("%d letters were sent, and %d are there", len(letters), len(kept)))
	}
	return problems
}

// Sum adds up the results of letters.
func Sum(letters []Letter) (all Letter) {
	all.ID = fmt.Sprintf("%d letters", len(letters))
	all.Acknowledged = true
	for _, l := range letters {
		all.Attempts += l.Attempts
		all.Undecided += l.Undecided
		all.Refused += l.Refused
		all.Acknowledged = all.Acknowledged && l.Acknowledged
	}
	return all
}
