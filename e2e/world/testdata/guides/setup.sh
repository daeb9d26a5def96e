# Makes a root of Debian the machine of a guide: its names, and what stands in for
# systemd, which does not run here.
set -eu
folder=$(dirname "$0")
case $1 in
mail) hostname mail.example.com && echo 1 >/proc/sys/net/ipv4/ip_forward ;;
old) hostname old.example.com ;;
esac
printf '%s\n' '127.0.0.1 localhost' '192.0.2.10 mail.example.com mail' '10.0.0.5 old.example.com old' >/etc/hosts
mkdir -p /run/lock
install -m 0755 "$folder/systemctl" /usr/bin/systemctl
install -m 0755 "$folder/journalctl" /usr/bin/journalctl
install -m 0644 "$folder/notify.pl" /usr/lib/notify.pl
# These roots have no netbase, which every Debian has.
[ -e /etc/services ] || printf '%s\n' 'smtp 25/tcp' 'pop3 110/tcp' 'imap2 143/tcp imap' 'submissions 465/tcp smtps' 'submission 587/tcp' \
	'imaps 993/tcp' 'pop3s 995/tcp' 'sieve 4190/tcp' >/etc/services
