package access

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/letterlock/letterlock/internal/devices"
)

// longestDelay bounds the wait after failed logins: the server's own time for an
// answer is ten seconds.
const longestDelay = 5 * time.Second

// logIn returns the name of a request with the right password. It answers other
// requests.
func (g *Guard) logIn(w http.ResponseWriter, r *http.Request, passwords *devices.Passwords) (name string, ok bool) {
	name, password, given := r.BasicAuth()
	if !given {
		ask(w)
		return "", false
	}
	client, counted := clientOf(r), countedAs(name)
	delay, err := g.options.Logins().Admit(client, counted, time.Now())
	if err != nil {
		g.options.Log.Info("status page: a login is refused", "client", client.String(), "user", name, "reason", err)
		http.Error(w, err.Error(), http.StatusTooManyRequests)
		return "", false
	}
	wait := time.NewTimer(min(delay, longestDelay))
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-r.Context().Done():
		return "", false
	}
	if !g.verify(r, passwords, name, password) {
		if r.Context().Err() == nil {
			g.options.Logins().Failed(client, counted, time.Now())
			g.options.Log.Info("status page: a wrong name or password", "client", client.String(), "user", name)
			ask(w)
		}
		return "", false
	}
	return name, true
}

// countedAs returns the name under which failed logins are counted and listed, so
// that they are not those of a user with the same name.
func countedAs(name string) string { return "status page: " + name }

func ask(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", `Basic realm="Letterlock", charset="UTF-8"`)
	http.Error(w, "a name and a password are required", http.StatusUnauthorized)
}

func clientOf(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	a, _ := netip.ParseAddr(host)
	return a.Unmap().WithZone("")
}

// verify reports whether a password is right. A password that was verified lately is
// not computed again.
func (g *Guard) verify(r *http.Request, passwords *devices.Passwords, name, password string) bool {
	loads := passwords.Loads()
	if g.verified.has(loads, name, password) {
		return true
	}
	select {
	case g.turns <- struct{}{}:
		defer func() { <-g.turns }()
	case <-r.Context().Done():
		return false
	}
	if !passwords.Verify(name, password) {
		return false
	}
	client := clientOf(r)
	g.options.Logins().Succeeded(client, countedAs(name), time.Now())
	g.options.Log.Info("status page: an administrator has logged in", "client", client.String(), "user", name)
	g.verified.add(loads, name, password)
	return true
}

// verified keeps which passwords were right, as keyed hashes: a browser sends its
// password with each request, and each takes 20 ms to compute.
type verified struct {
	key [32]byte

	mu    sync.Mutex
	loads uint64 // of the file of passwords, when the hashes were added
	until map[[sha256.Size]byte]time.Time
}

const (
	maxVerified  = 64
	verifiedTime = 5 * time.Minute
)

func newVerified() *verified {
	v := &verified{until: map[[sha256.Size]byte]time.Time{}}
	_, _ = rand.Read(v.key[:]) // never fails
	return v
}

func (v *verified) sum(name, password string) (sum [sha256.Size]byte) {
	mac := hmac.New(sha256.New, v.key[:])
	own := sha256.Sum256([]byte(name)) // of a fixed length, so that name and password cannot be exchanged
	mac.Write(own[:])
	mac.Write([]byte(password))
	mac.Sum(sum[:0])
	return sum
}

// has reports whether a password was right, since the file was last read.
func (v *verified) has(loads uint64, name, password string) bool {
	sum := v.sum(name, password)
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.loads == loads && time.Now().Before(v.until[sum])
}

// add keeps that a password was right. A file that was read again may have other
// passwords.
func (v *verified) add(loads uint64, name, password string) {
	sum := v.sum(name, password)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.loads != loads || len(v.until) >= maxVerified {
		clear(v.until)
	}
	v.loads = loads
	v.until[sum] = time.Now().Add(verifiedTime)
}
