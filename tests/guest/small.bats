#!/usr/bin/env bats
# nhttpd on machines with little memory: what it needs, what it promises, and that it keeps that.
# Runs under TCG. Needs root, for a tap.
# shellcheck disable=SC2154 # console and ip are lib.bash's
load lib.bash

READY="nhttpd: ready"

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    [ "$(id -u)" = 0 ] || skip "needs root, for a tap"
    guest_net
    start 16
}
setup() { cd "$BATS_TEST_DIRNAME/../.." || return 1; }
teardown_file() { guest_net_end; }

web() { in_net timeout 150 "$BUILD/tests/guest/web" "$ip" "$@"; }
start() { # MIB ARGUMENT...
    local guest_memory=$1
    shift
    guest_stop
    guest_boot "$READY" nhttpd --ip "$ip/24" --control-port 7000 --poll-us 1000000 "$@"
}
# How many connections it has memory for, as it said; nothing if for all.
room() { sed -n 's/^nhttpd: memory for \([0-9]*\) connections, not .*/\1/p' "$console"; }
in_use_kib() { web control 7000 0 | sed -n 's/.* memory \([0-9]*\) of .*/\1/p'; }

@test "16 MiB: 10,000 requests on 32 connections are served; half of the memory is free" {
    web requests 10000 32
    web sizes 1 20
    echo "# serving with 16 MiB: $(in_use_kib) KiB in use" >&3
    [ "$(in_use_kib)" -le 8192 ]
}

@test "16 MiB: no system call while 100,000 requests are served" {
    no_calls_while_serving 7000
}

@test "16 MiB: half requests on more connections than there are work areas lock nobody out" {
    web loris 400 60
    web requests 1000 32
}

@test "16 MiB: it says for how many connections it has memory, holds them, tells others 503" {
    n=$(room)
    echo "# with 16 MiB: memory for $n connections" >&3
    [ "$n" -ge 5000 ]
    [ "$n" -lt 16000 ]
    ulimit -n $((n + 200)) || skip "cannot open so many"
    web crowd $((n + 100)) "$n"
    web requests 10000 32
    web churn 2000 32
}

@test "16 MiB: --connections is kept where there is memory for them" {
    start 16 --connections 64
    [ -z "$(room)" ]
    web crowd 100 64
    web requests 10000 32
}

@test "24, 32, 64 and 128 MiB; 16 under qboot" {
    for mib in 24 32 64 128; do
        start "$mib"
        web requests 10000 32
        echo "# serving with $mib MiB: $(in_use_kib) KiB in use" >&3
        [ "$mib" -lt 32 ] || [ -z "$(room)" ]
    done
    export guest_options="-bios qboot.rom"
    start 16
    web requests 10000 32
}
