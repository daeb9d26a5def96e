package world

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// StoreName is the name in the certificate of the store.
const StoreName = "store.example.com"

// commandPatience bounds one command to the store.
const commandPatience = 5 * time.Second

// The ports of the two programs.
const (
	redisPort    = 6379
	sentinelPort = 26379
)

// Command sends a command to Redis as a user with all rights, and returns the
// reply. The elements of an array are lines.
func (s *StoreServer) Command(words ...string) (string, error) {
	return s.commands(redisPort, []string{"AUTH", "test", s.Password}, words)
}

// Master returns the address of the primary that this Sentinel knows.
func (s *StoreServer) Master() (string, error) {
	reply, err := s.commands(sentinelPort, []string{"SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mail"})
	address, _, _ := strings.Cut(reply, "\n")
	return address, err
}

// commands sends commands to a port, and returns the last reply.
func (s *StoreServer) commands(port int, all ...[]string) (reply string, err error) {
	pem, err := os.ReadFile(s.CA)
	if err != nil {
		return "", err
	}
	settings := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: StoreName}
	settings.RootCAs.AppendCertsFromPEM(pem)
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: commandPatience}, "tcp", s.Node.At(port), settings)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(commandPatience)); err != nil {
		return "", err
	}
	r := bufio.NewReader(conn)
	for _, command := range all {
		if _, err := io.WriteString(conn, array(command)); err != nil {
			return "", err
		}
		if reply, err = readReply(r); err != nil {
			return "", err
		}
	}
	return reply, nil
}

// array writes a command as an array of strings.
func array(words []string) string {
	text := fmt.Sprintf("*%d\r\n", len(words))
	for _, word := range words {
		text += fmt.Sprintf("$%d\r\n%s\r\n", len(word), word)
	}
	return text
}

// readReply reads a reply in version 2 of Redis' protocol. A negative one is an
// error.
func readReply(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil || len(line) < 3 {
		return "", fmt.Errorf("the reply is %q: %w", line, err)
	}
	kind, rest := line[0], strings.TrimRight(line[1:], "\r\n")
	switch kind {
	case '+', ':':
		return rest, nil
	case '$':
		return readString(r, rest)
	case '*':
		return readArray(r, rest)
	}
	return "", errors.New(rest)
}

func readString(r *bufio.Reader, length string) (string, error) {
	n, err := strconv.Atoi(length)
	if err != nil || n < 0 {
		return "", err
	}
	text := make([]byte, n+2)
	_, err = io.ReadFull(r, text)
	return string(text[:n]), err
}

func readArray(r *bufio.Reader, length string) (string, error) {
	n, err := strconv.Atoi(length)
	var all []string
	for range n {
		one, failed := readReply(r)
		if failed != nil {
			return "", failed
		}
		all = append(all, one)
	}
	return strings.Join(all, "\n"), err
}
