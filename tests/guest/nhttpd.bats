#!/usr/bin/env bats
# Boots nhttpd and tries it with ordinary clients (curl) and extraordinary ones (web.c). Runs under
# TCG; the last test repeats the essence under KVM where it works. Needs root, for a tap.
# shellcheck disable=SC2154 # console, guest_status and ip are lib.bash's
load lib.bash

READY="nhttpd: ready"
USAGE=$(((0x40 + 2) << 1 | 1)) # runtime/abi/start.h: exit status 2

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    [ "$(id -u)" = 0 ] || skip "needs root, for a tap"
    guest_net
    guest_boot "$READY" nhttpd --ip "$ip/24" --control-port 7000 --poll-us 1000000
}
setup() { cd "$BATS_TEST_DIRNAME/../.." || return 1; }
teardown_file() { guest_net_end; }

web() { in_net timeout 300 "$BUILD/tests/guest/web" "$ip" "$@"; }
fetch() { in_net curl -sS -m 20 "$@"; }
restart() {
    guest_stop
    guest_boot "$READY" nhttpd --ip "$ip/24" "$@"
}

@test "nhttpd: says where it listens" {
    grep -qx "nhttpd: ready at $ip:80, control port 7000, delay 0 us, natural" <(tr -d '\r' <"$console")
}

@test "nhttpd: files, types, and the paper's 175 bytes" {
    fetch "http://$ip/" | cmp - workloads/nhttpd/www/index.html
    [ "$(fetch "http://$ip/index.html" | wc -c)" -eq 175 ]
    fetch "http://$ip/style.css" | cmp - workloads/nhttpd/www/style.css
    [ "$(fetch -o /dev/null -w '%{content_type}' "http://$ip/")" = text/html ]
    [ "$(fetch -o /dev/null -w '%{content_type}' "http://$ip/style.css")" = text/css ]
}

@test "nhttpd: HEAD, HTTP/1.0, statuses" {
    fetch -I "http://$ip/" | tr -d '\r' | grep -qx 'Content-Length: 175'
    fetch --http1.0 "http://$ip/" | cmp - workloads/nhttpd/www/index.html
    code() { fetch -o /dev/null -w '%{http_code}' "$@"; }
    [ "$(code "http://$ip/none")" = 404 ]
    [ "$(code --path-as-is "http://$ip/../initrd")" = 400 ]
    [ "$(code -X POST -d body "http://$ip/")" = 405 ]
    [ "$(code -X BREW "http://$ip/")" = 501 ]
    [ "$(code -H 'Transfer-Encoding: chunked' -X GET -d body "http://$ip/")" = 501 ]
    [ "$(code "http://$ip/$(printf 'a%.0s' $(seq 3000))")" = 414 ]
    [ "$(code -H "X: $(printf 'a%.0s' $(seq 9000))" "http://$ip/")" = 431 ]
    [ "$(code "http://$ip/bytes/1048577")" = 404 ]
}

@test "nhttpd: bodies of 0 B to 1 MiB, byte by byte" { web sizes 1 200; }
@test "nhttpd: replies of several segments do not stall" {
    web stalls 1461 100
    web stalls 20000 100
}
@test "nhttpd: pipelined requests, cut anywhere" { web pipeline 1 2000; }
@test "nhttpd: a slow reader that has ended its side gets all of it" { web slow 1048576 12; }
@test "nhttpd: a client that is still sending hears why it is refused" { web body 100000 20; }
@test "nhttpd: garbage" { web garbage 1 500; }
@test "nhttpd: 3,000 idle connections beside busy ones" { web idle 3000 20000; }
@test "nhttpd: half requests on more connections than there are work areas lock nobody out" {
    web loris 1100 60
}
@test "nhttpd: 4 times 20,000 short connections are all served" {
    for turn in 1 2 3 4; do
        web churn 20000 16 || { echo "turn $turn"; return 1; }
    done
}
@test "nhttpd: malformed control messages have no effect" { web control 7000 200; }

@test "nhttpd: no system call and no timer interrupt while 100,000 requests are served" {
    for cores in 1 2 4; do
        echo "--- $cores cores"
        guest_cores=$cores restart --control-port 7000 --poll-us 1000000
        no_calls_while_serving 7000
    done
}

@test "nhttpd: strict, and with a delay" {
    for options in "--kick strict" "--delay-us 100"; do
        # shellcheck disable=SC2086 # two words
        restart $options
        web sizes 2 20
        web pipeline 2 200
        web churn 500 8
    done
    grep -q "control port off, delay 100 us, natural" "$console"
}

@test "nhttpd: more connections than --connections are told 503" {
    restart --connections 64
    web crowd 100 64
    web crowd 64 64
    web churn 2000 32
}

@test "nhttpd: bad arguments: one line, status 2" {
    guest_stop
    refuses() { # LINE ARGUMENT...
        local line=$1
        shift
        guest_start nhttpd "$@"
        guest_wait
        echo "$*: status $guest_status"
        cat "$console"
        [ "$guest_status" -eq "$USAGE" ]
        [ "$(tr -d '\r' <"$console" | grep '^nhttpd:')" = "nhttpd: $line" ]
    }
    refuses "--ip A.B.C.D/LEN is needed"
    refuses "option --ip has no value" --ip
    refuses "bad value for --ip: $ip" --ip "$ip"
    refuses "bad value for --ip: 1.2.3/24" --ip 1.2.3/24
    refuses "bad value for --port: 65536" --ip "$ip/24" --port 65536
    refuses "bad value for --delay-us: 1001" --ip "$ip/24" --delay-us 1001
    refuses "bad value for --delay-us: nan" --ip "$ip/24" --delay-us nan
    refuses "bad value for --kick: hard" --ip "$ip/24" --kick hard
    refuses "bad value for --connections: 0" --ip "$ip/24" --connections 0
    refuses "bad value for --connections: 16001" --ip "$ip/24" --connections 16001
    refuses "bad value for --connections: 2.5" --ip "$ip/24" --connections 2.5
    refuses "--port and --control-port are both 80" --ip "$ip/24" --control-port 80
    refuses "no option --speed (--ip --gateway --delay-us --kick --poll-us --no-nic --control-port --port --connections)" --speed 9
}

@test "nhttpd: under KVM" {
    [ -w /dev/kvm ] || skip "no /dev/kvm"
    export NOM_TEST_ACCEL=kvm
    guest_stop
    guest_start nhttpd
    guest_wait
    [ "$guest_status" -eq "$USAGE" ] || skip "KVM does not start"
    guest_boot "$READY" nhttpd --ip "$ip/24" --control-port 7000 --poll-us 1000000
    web sizes 3 50
    web pipeline 3 500
    web garbage 3 100
    web churn 5000 16
    web control 7000 20
    no_calls_while_serving 7000
}
