# Starts a Dovecot, and a Postfix that asks it for passwords and to which it
# gives what is submitted to it.
set -eu
cd {{.Dir}}
mkdir -p queue data home
chown postfix data
chown nobody home
case $(dovecot --version) in 2.3.*) config=dovecot.conf ;; *) config=dovecot-2.4.conf ;; esac
trap 'kill -TERM -1 || true; exit 0' TERM # all but the first process of the namespace
dovecot -F -c {{.Dir}}/$config &
postfix -c {{.Dir}} check
/usr/lib/postfix/sbin/master -c {{.Dir}} -s &
wait
