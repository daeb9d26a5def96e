# Starts an Exim.
set -eu
cd {{.Dir}}
mkdir -p spool home
chown Debian-exim spool home
exec exim4 -C {{.Dir}}/exim.conf -bdf
