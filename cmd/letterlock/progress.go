package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// isTerminal reports whether a stream is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

const (
	progressAfter = time.Second // shorter commands show no progress
	progressEvery = 200 * time.Millisecond
)

// progress shows the progress of a command on a terminal. Elsewhere it shows
// nothing.
type progress struct {
	to      io.Writer // nil: nothing is shown
	about   string
	begun   time.Time
	stop    chan struct{}
	running sync.WaitGroup

	mu          sync.Mutex
	reached, of int
	shown       bool
}

// progress shows from the second second on what the command does. The caller must
// call done before it prints anything.
func (u *ui) progress(about string) *progress {
	p := &progress{about: about, begun: time.Now()}
	if !isTerminal(u.err) {
		return p
	}
	p.to, p.stop = u.err, make(chan struct{})
	p.running.Go(p.run)
	return p
}

// step sets the number of steps that are done.
func (p *progress) step(done, of int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reached, p.of = max(done, p.reached), of
}

// run draws the line until done.
func (p *progress) run() {
	for every := time.NewTicker(progressEvery); ; {
		select {
		case <-p.stop:
			every.Stop()
			return
		case <-every.C:
			if time.Since(p.begun) >= progressAfter {
				p.draw()
			}
		}
	}
}

// draw writes the line over the one before.
func (p *progress) draw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	line := p.about
	if p.of > 0 {
		line += fmt.Sprintf(": %d of %d", p.reached, p.of)
	}
	_, _ = fmt.Fprintf(p.to, "\r%s, %ds\x1b[K", line, int(time.Since(p.begun).Seconds()))
	p.shown = true
}

// done clears the line.
func (p *progress) done() {
	if p.to == nil {
		return
	}
	close(p.stop)
	p.running.Wait()
	if p.shown {
		_, _ = fmt.Fprint(p.to, "\r\x1b[K")
	}
}

// ask prints a question and reads the answer, a line. For an empty line it returns
// otherwise.
func (u *ui) ask(question, otherwise string) (string, error) {
	if otherwise != "" {
		question += " [" + otherwise + "]"
	}
	_, _ = fmt.Fprintf(u.err, "%s: ", question)
	if u.lines == nil {
		u.lines = bufio.NewReader(io.LimitReader(u.in, 1<<16))
	}
	line, err := u.lines.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("no answer, and nothing was written: %w", err)
	}
	if line = strings.TrimSpace(line); line == "" {
		line = otherwise
	}
	return line, nil
}
