package backend

import (
	"net"
	"net/http"
	"strconv"
)

// answerAuth replies to nginx that the login is accepted, with the address of the
// backend (ngx_mail_auth_http_module).
func answerAuth(l net.Listener, p Ports) {
	ports := map[string]int{"imap": p.IMAP, "pop3": p.POP3, "smtp": p.SMTP}
	_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Auth-Status", "OK")
		w.Header().Set("Auth-Server", "127.0.0.1")
		w.Header().Set("Auth-Port", strconv.Itoa(ports[r.Header.Get("Auth-Protocol")]))
	}))
}
