#!/usr/bin/env bats
# netpipe as a Linux process with its own stack, and Debian's NPtcp, unchanged, as its client.
# shellcheck disable=SC2154 # log, ip, server_pid and server_status are lib.bash's
load lib.bash
load ../netpipe.bash

setup() {
    command -v NPtcp >/dev/null || skip "NPtcp is not installed"
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    hosted_net
    # shellcheck disable=SC2034 # read by lib.bash
    nhttpd=$BUILD/lib/nom/hosted/netpipe
    out=$BATS_TEST_TMPDIR/np.out
}
teardown() { hosted_end; }

# np SECONDS ARG...: a run, whose rows are then in $out
np() {
    local seconds=$1
    shift
    in_net timeout "$seconds" NPtcp -h $ip -o "$out" "$@" >"$BATS_TEST_TMPDIR/np.log" 2>&1 || {
        cat "$BATS_TEST_TMPDIR/np.log" "$log"
        return 1
    }
}
sizes() { awk '{print $1}' "$out" | paste -sd ' '; }
stop() {
    kill "$server_pid"
    ended 10
    [ "$server_status" -eq 0 ]
}

@test "netpipe: what it says, and a short run of NPtcp's own sizes" {
    serve --control-port 7700
    [ "$(cat "$log")" = "netpipe: ready at $ip:5002, control port 7700, delay 0 us, natural, messages of 1 to 10000000 bytes" ]
    np 100 -u 64 -n 10 -I
    [ "$(sizes | cut -d" " -f 22)" = 67 ]
    np 100 -u 64 -n 10
    [ "$(sizes)" = "1 2 3 4 6 8 12 13 16 19 21 24 27 29 32 35 45 48 51 61 64 67" ]
    [ "$(wc -l <"$log")" -eq 1 ]
    stop
}

@test "netpipe: -l, -u, -p and -P, one run after the other" {
    serve -l 1000 -u 200000 -p 0 --port 6000
    np 100 -l 1000 -u 8000 -p 0 -P 6000 -n 5
    [ "$(sizes)" = "1000 1500 2000 3000 4000 6000 8000" ]
    np 100 -l 1000 -u 200000 -p 0 -P 6000 -n 3
    [ "$(awk 'END {print NR, $1}' "$out")" = "16 192000" ]
    [ "$(wc -l <"$log")" -eq 1 ]
    stop
    serve --start 1000 --perturbation 7
    np 100 -l 1000 -u 2000 -p 7 -n 5
    [ "$(sizes)" = "993 1000 1007 1493 1500 1507 1993 2000 2007" ]
    stop
}

@test "netpipe: -2, both sides send at once, up to what NPtcp's socket buffers allow" {
    serve -2
    grep -q 'ready .*, both ways at once$' "$log"
    np 200 -2 -n 20
    grep -q 'The upper limit is being set to' "$BATS_TEST_TMPDIR/np.log"
    [ "$(awk 'END {print NR}' "$out")" -gt 60 ]
    [ "$(wc -l <"$log")" -eq 1 ]
    stop
}

@test "netpipe: two clients at once" {
    serve
    out=$BATS_TEST_TMPDIR/other np 100 -u 20000 -n 20 &
    np 100 -u 20000 -n 20
    wait $!
    [ "$(awk 'END {print $1}' "$out" "$BATS_TEST_TMPDIR/other")" = 16387 ]
    [ "$(wc -l <"$log")" -eq 1 ]
    stop
}

@test "netpipe: garbage, a client that goes, and other settings: a line each, and the next is served" {
    serve --start 4
    in_net bash -c "exec 3<>/dev/tcp/$ip/5002; printf 'GET / HTTP/1.1\r\n\r\n' >&3; cat <&3" || true
    [ "$(sed -n 2p "$log")" = 'netpipe: a client was let go before SyncMe: "SyncMe" expected, "G" heard: has NPtcp the same -l, -p and -2 as this?' ]
    in_net bash -c "exec 3<>/dev/tcp/$ip/5002; printf SyncMexx >&3; sleep 0.2"
    until [ "$(wc -l <"$log")" -eq 3 ]; do sleep 0.02; done
    [[ $(sed -n 3p "$log") == "netpipe: a client was let go after 2 of 4 bytes of a message: it "* ]]
    run np 20 -l 8 -u 8
    [ "$status" -ne 0 ]
    [[ $(sed -n 4p "$log") == *'let go before SyncMe: "SyncMe" expected, "'* ]]
    np 100 -l 4 -u 8 -n 5
    [ "$(sizes)" = "4 6 8" ]
    stop
}

@test "netpipe: statistics, delay, table and price, and refusal where every row loses" {
    serve --control-port 7700
    says=$log netpipe_adapts
    stop
}

@test "netpipe: the whole of NPtcp's default run" {
    [ "$BUILD" != build/san ] || skip "as long again, and the shorter ones are sanitized too"
    serve
    np 280
    [ "$(awk 'END {print NR, $1}' "$out")" = "124 8388611" ]
    [ "$(wc -l <"$log")" -eq 1 ]
    stop
}
