package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/mta"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// asKeeper makes the binary of the tests be a mail server that keeps its mail
// in the folder of that name.
const asKeeper = "RUN_AS_A_KEEPER"

// keep runs that server. It acknowledges a letter when the letter is on the disk.
func keep(folder, address string) error {
	store, err := os.CreateTemp(folder, "mail-*")
	if err != nil {
		return err
	}
	k := &keeper{store: store}
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return k, nil }))
	s.Addr, s.Domain, s.ErrorLog = address, "keeper", log.New(io.Discard, "", 0)
	return s.ListenAndServe()
}

type keeper struct {
	mu    sync.Mutex
	store *os.File
}

func (*keeper) Mail(string, *smtp.MailOptions) error { return nil }
func (*keeper) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (*keeper) Reset()                               {}
func (*keeper) Logout() error                        { return nil }

func (k *keeper) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	k.mu.Lock()
	_, err = k.store.Write(append(text, 0))
	err = errors.Join(err, k.store.Sync())
	k.mu.Unlock()
	time.Sleep(rand.N(3 * time.Millisecond)) // a kill may fall between the storing and the reply
	return err
}

// kept counts the whole letters in a folder, by ID. A letter that is only begun does
// not count: go-smtp takes the last chunk as whole when the connection ends in it.
func kept(t *testing.T, folder string) map[string]int {
	t.Helper()
	count := map[string]int{}
	files, _ := filepath.Glob(filepath.Join(folder, "mail-*"))
	for _, file := range files {
		all, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for text := range bytes.SplitSeq(all[:bytes.LastIndexByte(all, 0)+1], []byte{0}) {
			header, behind, _ := strings.Cut(string(text), mta.IDHeader)
			id, _, _ := strings.Cut(behind, "\r\n")
			subject := strings.LastIndex(header, "Subject:")
			switch sent := mta.Text(id); {
			case len(text) == 0:
			case strings.HasSuffix(string(text), sent):
				count[id]++
			case subject < 0 || !strings.HasPrefix(sent, string(text)[subject:]):
				t.Errorf("%q is not as it was sent", text)
			}
		}
	}
	return count
}

// mortal is a process that is killed, and started again.
type mortal struct {
	t       *testing.T
	args    []string
	env     string
	address string
	process *exec.Cmd
}

// start starts it, and waits until it listens.
func (m *mortal) start() {
	m.t.Helper()
	self, err := os.Executable()
	if err != nil {
		m.t.Fatal(err)
	}
	var said bytes.Buffer
	m.process = exec.Command(self, m.args...)
	m.process.Env = append(os.Environ(), m.env)
	m.process.Stderr = &said
	if err := m.process.Start(); err != nil {
		m.t.Fatal(err)
	}
	if !wait.Happens(m.listens) {
		m.kill()
		m.t.Fatalf("%q does not listen:\n%s", m.args, said.String())
	}
}

func (m *mortal) listens() bool {
	conn, err := net.Dial("tcp", m.address)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

func (m *mortal) kill() {
	_ = m.process.Process.Kill()
	_ = m.process.Wait()
}

// Thousands of letters go through the proxy to a server, and both are killed again
// and again. Each acknowledged letter is stored, and whole. A letter is stored twice
// only if its sender received no reply.
func TestNothingIsLostWhenKilled(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("NOT RUN with -short: mail under load")
	}
	const letters, kills = 4000, 8
	folder, ca := t.TempDir(), authority.New(t)
	chain, key := authority.PEM(t, ca.ECDSA(t, "mail.example.com"))
	backend := &mortal{t: t, env: asKeeper + "=" + folder, address: loopback.FreeAddress(t)}
	backend.args = []string{backend.address}
	proxy := &mortal{t: t, env: asProgram + "=1", address: loopback.FreeAddress(t), args: []string{"serve", "--config", filepath.Join(folder, "letterlock.yaml")}}
	for name, text := range map[string][]byte{
		"cert.pem": chain, "key.pem": key,
		"letterlock.yaml": fmt.Appendf(nil, "hostname: mail.example.com\nprobe: false\ncertificates: [{cert: cert.pem, key: key.pem}]\n"+
			"listeners: [{service: smtp, listen: %q, backend: %q, recipients: [example.com], greet_delay: 0s, reverse_dns: false}]\n", proxy.address, backend.address),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range []*mortal{backend, proxy} {
		m.start()
		defer m.kill()
	}
	sender := &mta.Sender{
		Address: func() string { return proxy.address }, TLS: &tls.Config{RootCAs: ca.Pool, ServerName: "mail.example.com"},
		To: "b@example.com", Letters: letters, Sessions: 16,
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var sent []mta.Letter
	done := make(chan struct{})
	go func() {
		defer close(done)
		sent = sender.Run(ctx)
	}()
	for i := range 2 * kills {
		wait.Until(t, "no message is sent", func() bool { return sender.Sent() >= (i+1)*letters/(2*kills+1) || ctx.Err() != nil })
		victim := []*mortal{backend, proxy}[i%2]
		victim.kill()
		victim.start()
	}
	<-done
	if ctx.Err() != nil {
		t.Fatalf("%+v within five minutes", mta.Sum(sent))
	}
	for _, problem := range mta.Check(sent, kept(t, folder)) {
		t.Error(problem)
	}
	all := mta.Sum(sent)
	t.Logf("%d kills: %+v", 2*kills, all)
	if all.Undecided == 0 {
		t.Error("no attempt was cut off: the kills have come at no bad moment")
	}
}
