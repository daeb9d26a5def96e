# The old server of a guide: Dovecot as Debian installs it, with the certificate of
# the mail server, and a user of the system.
set -eu
useradd -m -s /bin/sh alice
echo 'alice:wonderland-7' | chpasswd
certificate=/etc/ssl/certs/mail.example.com.pem key=/etc/ssl/private/mail.example.com.key
case $(dovecot --version) in
2.3.*) printf '%s\n' "ssl_cert = <$certificate" "ssl_key = <$key" ;;
*) printf '%s\n' "ssl_server_cert_file = $certificate" "ssl_server_key_file = $key" ;;
esac >/etc/dovecot/conf.d/99-old.conf
systemctl restart dovecot
