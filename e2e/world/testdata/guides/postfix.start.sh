# The old server of a guide: Postfix and Dovecot as Debian installs them, with TLS and
# logins, and a user of the system.
set -eu
folder=$(dirname "$0")
cat >/etc/postfix/main.cf <<'MAIN'
compatibility_level = 2
myhostname = mail.example.com
mydestination = example.com, mail.example.com, localhost
mynetworks = 127.0.0.0/8 [::1]/128 10.0.0.0/8
inet_interfaces = all
inet_protocols = ipv4
alias_maps = hash:/etc/aliases
alias_database = hash:/etc/aliases
smtpd_tls_cert_file = /etc/ssl/certs/mail.example.com.pem
smtpd_tls_key_file = /etc/ssl/private/mail.example.com.key
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
MAIN
echo 'postmaster: alice' >/etc/aliases
newaliases
postconf -M submission/inet='submission inet n - y - - smtpd' smtps/inet='smtps inet n - y - - smtpd'
postconf -P submission/inet/smtpd_tls_security_level=encrypt submission/inet/smtpd_sasl_auth_enable=yes \
	submission/inet/smtpd_relay_restrictions=permit_sasl_authenticated,reject
postconf -P smtps/inet/smtpd_tls_wrappermode=yes smtps/inet/smtpd_sasl_auth_enable=yes \
	smtps/inet/smtpd_relay_restrictions=permit_sasl_authenticated,reject
cat >/etc/dovecot/conf.d/98-postfix.conf <<'AUTH'
service auth {
  unix_listener /var/spool/postfix/private/auth {
    mode = 0660
    user = postfix
    group = postfix
  }
}
AUTH
systemctl restart postfix # makes the folder of Dovecot's socket
sh "$folder/dovecot.start.sh"
