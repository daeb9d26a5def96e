# Starts a Cyrus.
set -eu
cd {{.Dir}}
mkdir -p var/db var/socket spool run
printf '%s' '{{.Password}}' | saslpasswd2 -p -c -f users -u legacy.example.com '{{.User}}'
chown -R cyrus var spool run users
exec /usr/lib/cyrus/bin/master -D -C {{.Dir}}/imapd.conf -M {{.Dir}}/cyrus.conf -p {{.Dir}}/run/pid
