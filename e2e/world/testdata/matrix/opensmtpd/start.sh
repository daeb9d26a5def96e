# Sets an OpenSMTPD up and starts it, with files that it trusts.
set -eu
cd {{.Dir}}
echo '{{.User}}:x:1000:1000::{{.Dir}}/home:/bin/sh' >>/etc/passwd
echo '{{.User}}:x:1000:' >>/etc/group
mkdir -p home
chown -R 1000:1000 home
chmod 600 tls.key
echo '{{.User}} '"$(smtpctl encrypt '{{.Password}}')" >users
exec smtpd -d -f {{.Dir}}/smtpd.conf
