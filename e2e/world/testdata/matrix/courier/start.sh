# Sets a Courier up as many were long ago, with passwords in plaintext, and
# starts it. Its programs know one place for their settings, which is the
# root's own here.
set -eu
cd /etc/courier
mkdir -p /run/courier/authdaemon
chown -R courier:courier /run/courier
home={{.Dir}}/home
mkdir -p "$home"
chown -R courier:courier "$home"
echo legacy.example.com | tee me >defaultdomain
echo example.com | tee -a locals >esmtpacceptmailfor
printf '127.0.0.1\tallow,RELAYCLIENT\n' >smtpaccess/default
makesmtpaccess
sed -i -e 's/^authmodulelist=.*/authmodulelist="authuserdb"/' authdaemonrc
userdb {{.User}} set uid="$(id -u courier)" gid="$(id -g courier)" home="$home" mail="$home/Maildir" systempw="$(perl -e 'print crypt("{{.Password}}", q($6$letterlock$))')"
chmod 700 userdb
makeuserdb
maildirmake.courier "$home/Maildir"
chown -R courier:courier "$home"

printf '%s\n' 'TCPDOPTS="$TCPDOPTS -nodnslookup"' BOFHCHECKDNS=0 TARPIT=0 MAXPERIP=100 MAXPERC=100 NOADDDATE=0 'ESMTPAUTH="LOGIN PLAIN"' ADDRESS=127.0.0.1 PORT={{.Port "smtp"}} >>esmtpd
printf '%s\n' AUTH_REQUIRED=1 ADDRESS=127.0.0.1 PORT={{.Port "submission"}} MAXPERIP=100 MAXPERC=100 BOFHCHECKDNS=0 >>esmtpd-msa
printf '%s\n' ADDRESS=127.0.0.1 PORT={{.Port "imap"}} IMAP_TLS_REQUIRED=0 IMAP_IDLE_TIMEOUT=1 MAXPERIP=100 >>imapd
printf '%s\n' ADDRESS=127.0.0.1 PORT={{.Port "pop3"}} POP3_TLS_REQUIRED=0 MAXPERIP=100 >>pop3d
for service in imapd pop3d; do
	sed -i -e 's/^\(IMAP\|POP3\)_TLS_REQUIRED=.*/\1_TLS_REQUIRED=0/' $service-ssl
done

trap 'kill -TERM -1 || true; exit 0' TERM # all but the first process of the namespace
/usr/lib/courier/courier-authlib/authdaemond &
courierfilter start
courier start
esmtpd start
esmtpd-msa start
/usr/lib/courier/imapd start
/usr/lib/courier/pop3d start

# behind_header starts a service again, on a port where it wants a PROXY header.
# Without a timeout -haproxy does nothing.
behind_header() {
	printf '%s\n' PORT="$2" PIDFILE=/run/courier/"$1"-header.pid 'TCPDOPTS="$TCPDOPTS -haproxy=5"' >>"$1"
	"/usr/lib/courier/$1" start
}
if grep -q haproxy /usr/sbin/couriertcpd; then
	behind_header esmtpd {{.Header "smtp"}}
	behind_header imapd {{.Header "imap"}}
	behind_header pop3d {{.Header "pop3"}}
fi
wait
