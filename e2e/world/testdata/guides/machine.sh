# Runs the scripts that are named on its input, one after the other. What they
# start runs on until SIGTERM.
trap 'kill -TERM -1 2>/dev/null; sleep 1; kill -KILL -1 2>/dev/null; exit 0' TERM
cd /root
while read -r script; do
	status=0
	sh -eu "$script" >"$script.out" 2>&1 </dev/null || status=$?
	echo "$status" >"$script.new"
	mv "$script.new" "$script.status"
done
