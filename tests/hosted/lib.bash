# Runs a hosted app for a test, in a network namespace of the test's own that ends with its
# processes: nom0 = 10.77.0.1/24 is the client's end of a veth pair, nom1 without address the app's.
# As root or not; needs iproute2 and util-linux.
#
#   hosted_net           the namespace; in setup
#   in_net COMMAND...    runs a command in it
#   serve ARG...         starts nhttpd, or what $nhttpd is set to, with its own arguments; waits until it
#                        is ready
#   ended SECONDS        waits until it has ended; its status in $server_status
#   hosted_end           in teardown
#
# $log is what it printed, $ip its address, $server_pid its process. May be set before: hosted_seconds,
# for how long at most the namespace is there.
BUILD=${BUILD:-build}
ip=10.77.0.2

# How to enter the namespace of process $net_pid, as words.
entry() {
    local words="nsenter -t $net_pid -n"
    [ "$(id -u)" = 0 ] || words="$words -U --preserve-credentials"
    echo "$words --"
}
in_net() {
    # shellcheck disable=SC2046 # words
    $(entry) "$@"
}

hosted_net() {
    local options=-n
    [ "$(id -u)" = 0 ] || options=-rn
    unshare $options sleep "${hosted_seconds:-300}" 3>&- 3<&- &
    net_pid=$!
    until [ "$(readlink "/proc/$net_pid/ns/net")" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
    # -r: its users are mapped a moment later.
    until [ $options = -n ] || grep -q . "/proc/$net_pid/uid_map"; do sleep 0.01; done
    in_net ip link set lo up
    in_net ip link add nom0 type veth peer name nom1
    in_net ip addr add 10.77.0.1/24 dev nom0
    in_net ip link set nom0 gso_max_segs 1 # a frame a segment
    in_net ip link set nom0 up
    in_net ip link set nom1 up
    log=$BATS_TEST_TMPDIR/log
    nhttpd=$BUILD/lib/nom/hosted/nhttpd
}

serve() {
    local turn
    : >"$log" # an earlier server was ready, too
    # A limit on CPU time ends one that was left behind by a killed test.
    # shellcheck disable=SC2046 # words
    $(entry) prlimit --cpu=300 "$nhttpd" --interface nom1 --initrd "$BUILD/lib/nom/initrd.cpio" -- \
        --ip $ip/24 "$@" >"$log" 2>&1 </dev/null 3>&- &
    server_pid=$!
    for ((turn = 0; turn < 1000; turn++)); do
        grep -q '^[a-z]*: ready' "$log" && return 0
        kill -0 $server_pid 2>/dev/null || break
        sleep 0.02
    done
    cat "$log"
    return 1
}

ended() { # SECONDS
    local turn
    for ((turn = 0; turn < $1 * 50; turn++)); do
        if ! kill -0 "$server_pid" 2>/dev/null; then
            server_status=0
            # shellcheck disable=SC2034 # read by the caller
            wait "$server_pid" || server_status=$?
            return 0
        fi
        sleep 0.02
    done
    echo "it still runs"
    return 1
}

# CPU time the app has used, in hundredths of a second.
cpu_time() {
    local fields
    read -r -a fields <"/proc/$server_pid/stat"
    echo $((fields[13] + fields[14]))
}

hosted_end() {
    [ -z "${server_pid:-}" ] || kill -9 "$server_pid" 2>/dev/null || true
    kill "$net_pid" 2>/dev/null || true
    [ ! -f "$log" ] || cat "$log"
}
