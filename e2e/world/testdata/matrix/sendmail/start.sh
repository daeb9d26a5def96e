# Sets a Sendmail up and starts it, with files that it trusts.
set -eu
umask 022
cd {{.Dir}}
echo '{{.User}}:x:1000:1000::/:/bin/sh' >>/etc/passwd
echo '{{.User}}:x:1000:' >>/etc/group
mkdir -p queue home/tmp
chown root:smmsp queue
chmod 1777 home home/tmp
cat >deliver <<'SCRIPT'
#!/bin/sh
set -eu
file=$(mktemp {{.Dir}}/home/tmp/XXXXXXXX)
cat >"$file"
mv "$file" {{.Dir}}/home
SCRIPT
chmod 755 deliver
echo '{{.Password}}' | saslpasswd2 -p -c -f /etc/sasldb2 -u legacy.example.com '{{.User}}'
chown root:smmta /etc/sasldb2
chmod 640 /etc/sasldb2
mkdir -p /etc/mail/sasl
printf '%s\n' 'pwcheck_method: auxprop' 'auxprop_plugin: sasldb' 'mech_list: PLAIN LOGIN' | tee /etc/mail/sasl/Sendmail.conf.2 >/usr/lib/sasl2/Sendmail.conf
m4 /usr/share/sendmail/cf/m4/cf.m4 sendmail.mc >/etc/mail/sendmail.cf
exec /usr/sbin/sendmail-mta -bD -q1s -C /etc/mail/sendmail.cf
