# The old server of a guide: Cyrus as Debian installs it, with TLS alone for
# passwords, and a user.
set -eu
echo 'wonderland-7' | saslpasswd2 -p -c -u old.example.com alice
usermod -a -G sasl cyrus
chown root:sasl /etc/sasldb2
chmod 640 /etc/sasldb2
usermod -a -G ssl-cert cyrus 2>/dev/null || true
sed -i -e 's/^allowplaintext:.*/allowplaintext: no/' -e 's/^#\(imaps\|pop3s\)/\1/' /etc/imapd.conf
cp /etc/ssl/private/mail.example.com.key /etc/cyrus.key
chown cyrus /etc/cyrus.key
printf '%s\n' 'servername: old.example.com' 'sasl_mech_list: PLAIN' 'tls_server_cert: /etc/ssl/certs/mail.example.com.pem' 'tls_server_key: /etc/cyrus.key' 'autocreate_post: yes' >>/etc/imapd.conf
sed -i -E 's/^[[:space:]]*(nntp|http)[[:space:]]/#&/' /etc/cyrus.conf # whose packages are not installed
sed -i -E 's/^([[:space:]]*)#((imaps|pop3s)[[:space:]]+cmd="(imapd|pop3d) -s)/\1\2/' /etc/cyrus.conf
systemctl restart cyrus-imapd
