# shellcheck shell=sh
# What root, enter and as-root share.

# roots is the folder of the private roots.
roots=${LETTERLOCK_ROOTS:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/letterlock/roots}

# private keeps the mounts that follow in this mount namespace. In a chroot "/"
# may be no mount point; then only what is mounted below the folder is private,
# and nothing may be mounted elsewhere.
private() {
	mount --make-rprivate / 2>/dev/null && return
	mount --bind "$1" "$1"
	if awk -v folder="$1" '$5 == folder && / shared:[0-9]+ .*- / { found = 1 } END { exit !found }' /proc/self/mountinfo; then
		umount "$1"
		echo "$0: in this chroot \"/\" is no mount point, and its mounts are shared with the outside: run mount --bind --make-private FOLDER FOLDER on it before the chroot" >&2
		exit 1
	fi
	mount --make-private "$1"
}
