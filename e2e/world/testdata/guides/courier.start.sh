# The old server of a guide: Courier as Debian installs it, with TLS alone for
# passwords, and a user.
set -eu
cd /etc/courier
mkdir -p /run/courier/authdaemon /home/alice
chown -R courier:courier /run/courier /home/alice
echo old.example.com | tee me >defaultdomain
echo example.com | tee -a locals >esmtpacceptmailfor
sed -i -e 's/^authmodulelist=.*/authmodulelist="authuserdb"/' authdaemonrc
userdb alice set uid="$(id -u courier)" gid="$(id -g courier)" home=/home/alice mail=/home/alice/Maildir systempw="$(perl -e 'print crypt("wonderland-7", q($6$letterlock$))')"
chmod 700 userdb
makeuserdb
maildirmake.courier /home/alice/Maildir
chown -R courier:courier /home/alice
makesmtpaccess
printf '%s\n' BOFHCHECKDNS=0 'ESMTPAUTH_TLS="PLAIN LOGIN"' >>esmtpd
sed -i 's/^IMAP_TLS_REQUIRED=.*/IMAP_TLS_REQUIRED=1/' imapd-ssl
sed -i 's/^POP3_TLS_REQUIRED=.*/POP3_TLS_REQUIRED=1/' pop3d-ssl
sed -i 's/^ESMTPDSTART=.*/ESMTPDSTART=YES/' esmtpd-msa
echo BOFHCHECKDNS=0 >>esmtpd-msa
for service in courier-authdaemon courierfilter courier courier-mta courier-msa courier-imap courier-pop; do
	systemctl restart $service
done
