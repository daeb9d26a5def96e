# The old server of a guide: Exim with Debian's configuration in many files, with TLS
# and logins, and a user of the system.
set -eu
useradd -m -s /bin/sh alice
cat >/etc/exim4/update-exim4.conf.conf <<'CONF'
dc_eximconfig_configtype='internet'
dc_other_hostnames='example.com'
dc_local_interfaces=''
dc_readhost=''
dc_relay_domains=''
dc_minimaldns='false'
dc_relay_nets=''
dc_smarthost=''
CFILEMODE='644'
dc_use_split_config='true'
dc_hide_mailname=''
dc_mailname_in_oh='true'
dc_localdelivery='mail_spool'
CONF
echo old.example.com >/etc/mailname
cp /etc/ssl/private/mail.example.com.key /etc/exim4/exim.key
chgrp Debian-exim /etc/exim4/exim.key
chmod 640 /etc/exim4/exim.key
cat >/etc/exim4/conf.d/main/000_local <<'CONF'
MAIN_TLS_ENABLE = true
MAIN_TLS_CERTIFICATE = /etc/ssl/certs/mail.example.com.pem
MAIN_TLS_PRIVATEKEY = /etc/exim4/exim.key
daemon_smtp_ports = 25 : 587
log_file_path = syslog
CONF
cat >/etc/exim4/conf.d/auth/20_local <<'CONF'
plain_server:
  driver = plaintext
  public_name = PLAIN
  server_condition = "${if crypteq{$auth3}{${extract{1}{:}{${lookup{$auth2}lsearch{CONFDIR/passwd}{$value}{*:*}}}}}{1}{0}}"
  server_set_id = $auth2
  server_prompts = :
  .ifndef AUTH_SERVER_ALLOW_NOTLS_PASSWORDS
  server_advertise_condition = ${if eq{$tls_in_cipher}{}{}{*}}
  .endif
CONF
printf 'alice:%s\n' "$(perl -e 'print crypt("wonderland-7", q($6$letterlock$))')" >/etc/exim4/passwd
chgrp Debian-exim /etc/exim4/passwd
chmod 640 /etc/exim4/passwd
ln -sf "$(dirname "$0")/syslog" /dev/log
systemctl restart exim4
