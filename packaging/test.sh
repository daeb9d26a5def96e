# shellcheck shell=sh
# What the scripts test-* of this folder share. They set folder to the folder of the
# packages.
config=/etc/letterlock/letterlock.yaml

fail() {
	echo "FAILED: $*"
	exit 1
}

# within waits for a command to succeed.
within() {
	tries=0
	until "$@"; do
		[ $((tries += 1)) -lt 300 ] || fail "not within half a minute: $*"
		sleep 0.1
	done
}

# ended reports whether a process has ended.
ended() {
	! kill -0 "$1" 2>/dev/null || grep -q '^State:.*Z' "/proc/$1/status"
}

# served checks that the port answers, with TLS.
port=993
served() { letterlock check "127.0.0.1:$port" --service imaps --json 2>/dev/null | grep -q TLS; }

# as_user checks that a process runs as the user of the package.
as_user() {
	[ "$(stat -c %U "/proc/$1")" = letterlock ] || fail "process '$1' runs as $(stat -c %U "/proc/$1"): $(cat /tmp/log)"
}
