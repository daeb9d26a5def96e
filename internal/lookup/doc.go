// Package lookup asks an HTTP server for the backend of a user who logs in, with the
// headers of nginx's auth_http (ngx_mail_auth_http_module).
//
// A request is a GET without a body:
//
//	Auth-Method: plain             the mechanism in lower case; plain for every password
//	Auth-User: alice@example.com   the user whose mail is requested
//	Auth-Pass: secret              only with Options.SendPassword
//	Auth-Protocol: imap            smtp, imap, pop3 or sieve
//	Auth-Login-Attempt: 1          the lookups of the session so far
//	Client-IP: 192.0.2.7
//	Auth-SSL: on                   and the parameters of the client's TLS
//
// The answer is in the header of the reply. Its body is ignored:
//
//	Auth-Status: OK                or the reason of a refusal, for the client
//	Auth-Server: 10.0.0.7          an address, or the name of a configured backend
//	Auth-Port: 143
//	Auth-User: alice               replaces the name at the backend
//	Auth-Pass: other               replaces the password at the backend
//	Auth-Wait: 3                   seconds before a refusal, after which the client may try again
//	Auth-Error-Code: 454 4.7.0     the code of a refusal in SMTP
//
// The client of the mail service chooses the user name, and the server may be broken
// or hostile: values are escaped in the request, and everything in the reply is bounded
// and checked.
package lookup
