#!/usr/bin/env bats
# nhttpd on Linux's own sockets (the baseline), tried on the loopback of a namespace of its own, as
# root or not, with ordinary clients (curl) and extraordinary ones (tests/guest/web.c).
BUILD=${BUILD:-build}

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    local options=-n
    [ "$(id -u)" = 0 ] || options=-rn
    unshare $options sleep 600 3>&- 3<&- &
    net_pid=$!
    until [ "$(readlink "/proc/$net_pid/ns/net")" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
    # -r: its users are mapped a moment later.
    until [ $options = -n ] || grep -q . "/proc/$net_pid/uid_map"; do sleep 0.01; done
    enter="nsenter -t $net_pid -n"
    [ "$(id -u)" = 0 ] || enter="$enter -U --preserve-credentials"
    export net_pid enter
    in_net ip link set lo up
    serve 127.0.0.1 --connections 1024
    echo "$server_pid" >"$BATS_FILE_TMPDIR/pid"
}
setup() { cd "$BATS_TEST_DIRNAME/../.." || return 1; }
teardown_file() {
    [ ! -f "$BATS_FILE_TMPDIR/pid" ] || kill "$(cat "$BATS_FILE_TMPDIR/pid")" 2>/dev/null || true
    kill "$net_pid" 2>/dev/null || true
}

in_net() { $enter -- "$@"; }
# Serves at an address until it is killed; $server_pid, $log. A limit on CPU time ends one that was
# left behind by a killed test. $limits: a command to start it with.
serve() {
    local turn
    log=${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}/log
    : >"$log"
    # shellcheck disable=SC2086 # words
    $enter -- prlimit --cpu=300 ${limits:-} "$BUILD/lib/nom/sockets/nhttpd" --initrd "$BUILD/lib/nom/initrd.cpio" -- \
        --ip "$@" >"$log" 2>&1 </dev/null 3>&- &
    server_pid=$!
    for ((turn = 0; turn < 1000; turn++)); do
        grep -q '^nhttpd: ready' "$log" && return 0
        kill -0 $server_pid 2>/dev/null || break
        sleep 0.02
    done
    cat "$log"
    return 1
}
ended() {
    local turn
    for ((turn = 0; turn < 1000; turn++)); do
        kill -0 "$server_pid" 2>/dev/null || break
        sleep 0.02
    done
    status=0
    wait "$server_pid" || status=$?
}
web() { in_net timeout 120 "$BUILD/tests/guest/web" 127.0.0.1 "$@"; }
fetch() { in_net curl -sS -m 20 "$@"; }
# Waits until the server has no more than so many; without connections it has 3 and 4 of its own.
few_descriptors() {
    local turn n
    for ((turn = 0; turn < 500; turn++)); do
        n=$(find "/proc/$(cat "$BATS_FILE_TMPDIR/pid")/fd" -type l | wc -l)
        [ "$n" -gt "$1" ] || break
        sleep 0.02
    done
    echo "$n descriptors"
    [ "$n" -le "$1" ]
}

@test "sockets: says where it listens" {
    grep -qx 'nhttpd: ready at 127.0.0.1:80, sockets' "$BATS_FILE_TMPDIR/log"
}

@test "sockets: files, types, statuses" {
    fetch http://127.0.0.1/ | cmp - workloads/nhttpd/www/index.html
    fetch --http1.0 http://127.0.0.1/style.css | cmp - workloads/nhttpd/www/style.css
    fetch -I http://127.0.0.1/ | tr -d '\r' | grep -qx 'Content-Length: 175'
    code() { fetch -o /dev/null -w '%{http_code}' "$@"; }
    [ "$(code http://127.0.0.1/none)" = 404 ]
    [ "$(code -X POST -d body http://127.0.0.1/)" = 405 ]
    [ "$(code -H "X: $(printf 'a%.0s' $(seq 9000))" http://127.0.0.1/)" = 431 ]
    [ "$(fetch http://127.0.0.1/bytes/0 | wc -c)" = 0 ]
}

@test "sockets: bodies of 0 B to 1 MiB, byte by byte" { web sizes 1 100; }
@test "sockets: replies of several segments do not stall" {
    web stalls 1461 100
    web stalls 100000 100
}
@test "sockets: pipelined requests, cut anywhere" { web pipeline 1 2000; }
@test "sockets: a slow reader that has ended its side gets all of it" { web slow 1048576 12; }
@test "sockets: a client that is still sending hears why it is refused" { web body 100000 20; }
@test "sockets: garbage" { web garbage 1 300; }
@test "sockets: many connections" { web requests 10000 500; }
@test "sockets: more connections than its limit are told 503" {
    ulimit -n 4096
    web crowd 1100 1024
}

@test "sockets: short connections leave nothing open" {
    few_descriptors 10 # those of earlier tests are gone
    web churn 5000 16
    few_descriptors 10
}

@test "sockets: without descriptors clients wait, and are served" {
    command -v setpriv >/dev/null || skip "needs setpriv (util-linux)"
    limits="prlimit --nofile=40 --"
    [ "$(id -u)" != 0 ] || limits="$limits setpriv --inh-caps=-all --bounding-set=-sys_resource"
    serve 127.0.0.2
    in_net timeout 120 "$BUILD/tests/guest/web" 127.0.0.2 churn 1000 100
    [ "$(awk '/Max open files/ { print $4 }' "/proc/$server_pid/limits")" = 40 ]
    kill -TERM "$server_pid"
    ended
    [ "$status" -eq 0 ]
}

@test "sockets: half a request holds nothing for ever" {
    # 10 s (serve.h); cat ends when the server closes
    in_net timeout 100 bash -c 'exec 3<>/dev/tcp/127.0.0.1/80; printf "GET / HTT" >&3; cat <&3'
    fetch http://127.0.0.1/ | cmp - workloads/nhttpd/www/index.html
}

@test "sockets: SIGTERM ends it with status 0, also under load" {
    serve 127.0.0.3
    in_net timeout 60 "$BUILD/tests/guest/web" 127.0.0.3 requests 100000000 8 >/dev/null 3>&- &
    load=$!
    sleep 0.5
    kill -TERM "$server_pid"
    ended
    kill $load 2>/dev/null || true
    [ "$status" -eq 0 ]
}

@test "sockets: wrong arguments, and a port that is taken" {
    app() { run in_net timeout 20 "$BUILD/lib/nom/sockets/nhttpd" --initrd "$BUILD/lib/nom/initrd.cpio" -- "$@"; }
    app
    [ "$status" -eq 2 ]
    [[ $output == *"--ip A.B.C.D is needed"* ]]
    app --ip 127.0.0.1 --port 0
    [ "$status" -eq 2 ]
    [[ $output == *"bad value for --port: 0"* ]]
    app --ip 127.0.0.1 --connections 99999999
    [[ $output == *"bad value for --connections"* ]]
    app --ip 127.0.0.1 --delay-us 5
    [[ $output == *"no option --delay-us"* ]]
    app --ip 127.0.0.1
    [ "$status" -eq 1 ]
    [[ $output == *"cannot listen at port 80: Address already in use"* ]]
}
