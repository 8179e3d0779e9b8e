#!/usr/bin/env bats
# memcached as a process under a mixed load (mixed.bash), and under clients that mean no good; under
# the sanitizers with BUILD=build/san. Minutes instead of seconds: NOM_MIXED_SECONDS.
# shellcheck disable=SC2154 # ip, log, server_pid, server_status: of lib.bash
load lib.bash
load mixed.bash

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    [ -x "$BUILD/lib/nom/hosted/memcached" ] || skip "lib/nom/hosted/memcached is not built"
    hosted_seconds=$((MIXED_SECONDS * 2 + 300)) hosted_net
    # What is freed is kept by the sanitizer for a while: not so much that it looks like growth.
    export ASAN_OPTIONS=detect_leaks=1:quarantine_size_mb=16
    export LSAN_OPTIONS=suppressions=$PWD/tests/hosted/memcached.supp:print_suppressions=0
}
teardown() { hosted_end; }

mixed_memory() { awk '/^VmRSS/ { print $2 * 1024 }' "/proc/$server_pid/status"; }

# memcached's own arguments
serve_memcached() {
    local turn
    : >"$log"
    # shellcheck disable=SC2046 # words
    $(entry) prlimit --cpu=$((MIXED_SECONDS * 2 + 300)) "$BUILD/lib/nom/hosted/memcached" \
        --interface nom1 -- --ip "$ip/24" --control-port 7700 -- -u nobody -t 1 "${MIXED_MEMCACHED[@]}" "$@" \
        >"$log" 2>&1 </dev/null 3>&- &
    server_pid=$!
    for ((turn = 0; turn < 1000; turn++)); do
        grep -q '^memcached: ready' "$log" && return 0
        kill -0 $server_pid 2>/dev/null || break
        sleep 0.02
    done
    return 1
}

# SIGTERM ends it well, and it had nothing to say but that it is ready.
ends_well() {
    kill -TERM "$server_pid"
    ended 60
    [ "$server_status" -eq 0 ]
    [ "$(grep -vc '^memcached: ready' "$log")" -eq 0 ]
}

@test "mixed: memcached keeps all it is given, and no memory beyond" {
    serve_memcached -c 2048
    mixed_run --connections 1000
    mixed_steady
    mixed_alone
    ends_well
}

@test "mixed: the binary protocol" {
    MIXED_SECONDS=3
    serve_memcached -c 2048
    mixed_run --connections 200 --protocol binary
    mixed_alone
    ends_well
}

hostile() { in_net "$BUILD/tests/hosted/hostile" "$ip" 11211 "$@"; }

@test "hostile: clients that never read, and requests that never end" {
    serve_memcached -c 1024
    hostile deaf
    hostile many 1
    ends_well
}

@test "hostile: 5,000 connections where memcached takes 4,096" {
    [ "$(ulimit -Hn)" -gt 10000 ] || skip "fewer files may be open"
    serve_memcached -c 4096
    hostile many 5000
    hostile many 1
    mixed_alone
    ends_well
}
