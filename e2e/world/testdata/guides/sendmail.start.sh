# The old server of a guide: Sendmail with Debian's configuration, for all addresses,
# with logins for TLS alone, and a user of the system.
set -eu
useradd -m -s /bin/sh alice
echo example.com >>/etc/mail/local-host-names
echo 'wonderland-7' | saslpasswd2 -p -c -f /etc/sasldb2 -u old.example.com alice
chown root:smmta /etc/sasldb2
chmod 640 /etc/sasldb2
mkdir -p /etc/mail/sasl
printf '%s\n' 'pwcheck_method: auxprop' 'auxprop_plugin: sasldb' 'mech_list: PLAIN LOGIN' | tee /etc/mail/sasl/Sendmail.conf.2 >/usr/lib/sasl2/Sendmail.conf
cd /etc/mail
sed -i -e 's/, Addr=127.0.0.1//' -e "/^MAILER_DEFINITIONS/i\\
define(\`confAUTH_MECHANISMS', \`PLAIN LOGIN')dnl\\
TRUST_AUTH_MECH(\`PLAIN LOGIN')dnl\\
define(\`confAUTH_OPTIONS', \`A p y')dnl\\
define(\`confDONT_BLAME_SENDMAIL', \`GroupReadableSASLDBFile')dnl\\
define(\`confSERVICE_SWITCH_FILE', \`/etc/mail/service.switch-nodns')dnl\\
define(\`confREFUSE_LA', \`999')dnl\\
define(\`confQUEUE_LA', \`999')dnl\\
FEATURE(\`accept_unresolvable_domains')dnl" sendmail.mc
m4 sendmail.mc >sendmail.cf
makemap hash access <access
systemctl restart sendmail
