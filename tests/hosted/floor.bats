#!/usr/bin/env bats
# nhttpd as a Linux process with its own stack (runtime/platform/linux), on a veth pair. BUILD may be
# a sanitized build; nothing here depends on how fast it is.
# shellcheck disable=SC2154 # log, ip, server_pid and server_status are lib.bash's
load lib.bash

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    hosted_net
}
teardown() { hosted_end; }

web() { in_net timeout 300 "$BUILD/tests/guest/web" "$ip" "$@"; }
fetch() { in_net curl -sS -m 20 "$@"; }
stop() {
    kill "$server_pid"
    ended 10
    [ "$server_status" -eq 0 ]
}

@test "hosted: a page, files, and what it says" {
    serve --control-port 7700
    [ "$(cat "$log")" = "nhttpd: ready at $ip:80, control port 7700, delay 0 us, natural" ]
    fetch "http://$ip/" | cmp - workloads/nhttpd/www/index.html
    fetch "http://$ip/style.css" | cmp - workloads/nhttpd/www/style.css
    [ "$(fetch -o /dev/null -w '%{http_code}' "http://$ip/none")" = 404 ]
    stop
}

@test "hosted: bodies of 0 B to 1 MiB, byte by byte" {
    serve
    web sizes 1 200
    web pipeline 1 500
    web slow 1048576 4
    web body 100000 5
    web garbage 1 50
    stop
}

@test "hosted: replies of several segments do not stall" {
    serve
    web stalls 1461 60
    web stalls 20000 60
    stop
}

@test "hosted: connections that come and go" {
    serve
    web churn 5000 16
    web requests 20000 32
    stop
}

@test "hosted: strict, and with a delay" {
    serve --kick strict
    web sizes 2 20
    stop
    serve --delay-us 1000
    grep -q "delay 1000 us, natural" "$log"
    web sizes 2 20
    # A request waits W while its connection stays open.
    begin=$(date +%s%N)
    web requests 300 1
    [ $((($(date +%s%N) - begin) / 1000000)) -ge 300 ]
    stop
}

@test "hosted: counters of a kernel that is not there are zero; malformed control messages have no effect" {
    serve --control-port 7700
    web requests 1000 4
    [[ $(web control 7700 50) == "requests 1000 open 0 sleeps "*" system_calls 0 timer_interrupts 0 device_interrupts 0" ]]
    stop
}

@test "hosted: the interface's kernel stack neither answers nor is answered for" {
    serve
    fetch "http://$ip/" >/dev/null # at an address that the kernel knows nothing of
    address=$(in_net ip neigh show to $ip dev nom0 | sed -n 's/.*lladdr \([^ ]*\).*/\1/p')
    [ -n "$address" ]
    in_net ip -o link show nom1 | grep -q 'link/ether '
    [[ $(in_net ip -o link show nom1) != *"$address"* ]]
    [ "$(in_net awk '$1 == "Tcp:" { for (i = 2; i <= NF && !n; i++) if ($i == "OutRsts") n = i; value = $n }
        END { print value }' /proc/net/snmp)" = 0 ]
    stop
    # A restarted app keeps its address.
    serve
    fetch "http://$ip/" >/dev/null
    [ "$(in_net ip neigh show to $ip dev nom0 | sed -n 's/.*lladdr \([^ ]*\).*/\1/p')" = "$address" ]
    stop
}

@test "hosted: SIGTERM and SIGINT end it with status 0, busy or idle" {
    for signal in TERM INT; do
        serve
        sleep 0.3 # it waits in poll by now
        kill -$signal "$server_pid"
        ended 30
        [ "$server_status" -eq 0 ]
        serve
        kill -$signal "$server_pid"
        ended 30
        [ "$server_status" -eq 0 ]
    done
}

@test "hosted: an idle app waits, and wakes up" {
    serve
    web requests 100 1
    sleep 0.3
    before=$(cpu_time)
    sleep 1
    used=$(($(cpu_time) - before))
    echo "used $used hundredths"
    [ "$used" -lt 50 ]
    web requests 100 1
    stop
}

# Its interface has gone away while it works; one line says so.
without_interface() {
    local turn
    for ((turn = 0; turn < 1000; turn++)); do
        ! grep -q 'interface nom1: ' "$log" || break
        sleep 0.02
    done
    before=$(cpu_time)
    sleep 1.5 # a second of which it is idle in any case
    used=$(($(cpu_time) - before))
    echo "used $used hundredths"
    [ "$used" -lt 100 ]
    [ "$(grep -c 'interface nom1: ' "$log")" = 1 ]
    stop
}

@test "hosted: the interface is removed while it is idle" {
    serve
    sleep 0.3
    in_net ip link del nom1
    without_interface
}

@test "hosted: the interface is removed while it serves" {
    serve
    # shellcheck disable=SC2046 # words
    $(entry) timeout 60 "$BUILD/tests/guest/web" $ip requests 100000000 8 >/dev/null 3>&- &
    client=$!
    sleep 0.5
    in_net ip link del nom1
    kill $client
    wait $client || true
    without_interface
}

@test "hosted: the interface goes down and comes back" {
    serve
    fetch "http://$ip/" >/dev/null
    in_net ip link set nom1 down
    sleep 0.3
    in_net ip link set nom1 up
    for turn in $(seq 20); do fetch -m 2 "http://$ip/" >/dev/null && break; done
    web requests 100 4
    stop
}

@test "hosted: without rights of its own, in a user namespace" {
    setpriv --reuid=65534 --regid=65534 --clear-groups unshare -Urn true 2>/dev/null ||
        skip "no user namespaces here"
    [ "$(id -u)" = 0 ] || skip "is what the other tests do then"
    place=$(mktemp -d)
    chmod 755 "$place"
    cp -L "$nhttpd" "$BUILD/lib/nom/initrd.cpio" "$BUILD/tests/guest/web" "$place"
    cat >"$place/run" <<'RUN'
cd "$1" || exit
set -e
[ "$(cat /proc/self/uid_map | tr -s ' ')" = " 0 65534 1" ]
ip link set lo up
ip link add nom0 type veth peer name nom1
ip addr add 10.77.0.1/24 dev nom0
ip link set nom0 gso_max_segs 1
ip link set nom0 up
ip link set nom1 up
./nhttpd --interface nom1 --initrd initrd.cpio -- --ip 10.77.0.2/24 &
timeout 60 curl -sS -m 20 --retry 20 --retry-all-errors --retry-delay 1 http://10.77.0.2/
timeout 60 ./web 10.77.0.2 sizes 1 5
kill %1
wait %1
RUN
    status=0
    setpriv --reuid=65534 --regid=65534 --clear-groups \
        unshare -rn bash "$place/run" "$place" >"$BATS_TEST_TMPDIR/said" 2>&1 || status=$?
    cat "$BATS_TEST_TMPDIR/said"
    rm -rf "$place"
    [ "$status" -eq 0 ]
    grep -q '<title>nhttpd</title>' "$BATS_TEST_TMPDIR/said"
}

refuses() { # STATUS TEXT ARGUMENT...
    local expected=$1 text=$2
    shift 2
    status=0
    in_net timeout 20 "$nhttpd" "$@" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/error" || status=$?
    echo "$*: status $status: $(cat "$BATS_TEST_TMPDIR/out" "$BATS_TEST_TMPDIR/error")"
    [ "$status" -eq "$expected" ]
    [ "$(cat "$BATS_TEST_TMPDIR/out" "$BATS_TEST_TMPDIR/error" | wc -l)" -eq 1 ]
    grep -qF -- "$text" "$BATS_TEST_TMPDIR"/{out,error}
}

@test "hosted: bad arguments: one line, status 2" {
    echo "no archive" >"$BATS_TEST_TMPDIR/text"
    refuses 2 "no option --ip before --" --ip $ip/24
    refuses 2 "option --interface has no value" --interface
    refuses 2 "option --interface has no value" --interface --
    refuses 2 "none: No such file or directory" --initrd none -- --ip $ip/24
    refuses 2 "not a cpio archive" --initrd "$BATS_TEST_TMPDIR/text" -- --ip $ip/24
    refuses 2 "/dev/null: Invalid argument" --initrd /dev/null
    refuses 2 "nhttpd: no option --nip" -- --nip $ip/24
    refuses 2 "nhttpd: --ip A.B.C.D/LEN is needed"
    [ -s "$BATS_TEST_TMPDIR/out" ] # the app's own words
}

@test "hosted: --help" {
    in_net "$nhttpd" --help | grep -q '^Usage: nhttpd \[--interface IFACE\]'
}

@test "hosted: an interface that will not do: one line, status 1" {
    refuses 1 "no --interface was given" -- --ip $ip/24
    refuses 1 "interface nom7: there is no such interface" --interface nom7 -- --ip $ip/24
    refuses 1 "interface nomnomnomnomnomnom: there is no such" --interface nomnomnomnomnomnom -- --ip $ip/24
    refuses 1 "interface lo: not an Ethernet interface" --interface lo -- --ip $ip/24
    in_net ip link set nom1 mtu 1000
    refuses 1 "interface nom1: its MTU is below 1500" --interface nom1 -- --ip $ip/24
    in_net ip link set nom1 mtu 1500 down
    refuses 1 "interface nom1: it is down" --interface nom1 -- --ip $ip/24
    [ "$(id -u)" != 0 ] || in_net setpriv --bounding-set=-net_raw --inh-caps=-net_raw \
        "$nhttpd" --interface nom1 -- --ip $ip/24 | grep -q "a packet socket: .* (be root, or"
}
