#!/usr/bin/env bats
# Programs written for a POSIX system, built by nom-cc, as processes: and the same sanitized.
load lib.bash
load ../ported.bash

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    unset NOM_SANITIZE NOM_FLOORS
    hosted_net
}
teardown() { hosted_end; }

# PROGRAM ARGUMENT...: status and output
ported() {
    local program=$1
    shift
    run in_net timeout 60 "$program" --interface nom1 -- --ip "$ip/24" -- "$@"
    echo "$program $*: status $status: $output"
}
holds() {
    ported "$1" -w 12 -n some last
    [ "$status" -eq 3 ]
    [ "$(grep -c '^holds: ' <<<"$output")" -eq 7 ]
    grep -qx 'a line without its end' <<<"$output"
    grep -qx 'on stderr' <<<"$output"
}

@test "ported: what a C library promises, in a process" {
    "$BUILD/bin/nom-cc" tests/ported/basics.c -o "$BATS_TEST_TMPDIR/basics"
    holds "$BATS_TEST_TMPDIR/basics.hosted"
    [ -x "$BATS_TEST_TMPDIR/basics" ] # the guest's
}

@test "ported: the same under the address sanitizer" {
    "$BUILD/bin/nom-cc" --sanitize tests/ported/basics.c -o "$BATS_TEST_TMPDIR/basics"
    ASAN_OPTIONS=allocator_may_return_null=1 holds "$BATS_TEST_TMPDIR/basics"
}

@test "ported: thread-local variables, however compiled, under the address sanitizer too" {
    local options made=$BATS_TEST_TMPDIR/local
    for options in -O2 "-O0 -g -pipe" "-O3 -fPIC -ftls-model=initial-exec" --sanitize; do
        # shellcheck disable=SC2086 # words
        NOM_FLOORS=hosted "$BUILD/bin/nom-cc" $options tests/ported/local.c tests/ported/local_part.c -o "$made"
        ported "$made"
        [ "$status" -eq 3 ] && [ "$output" = "holds: 60 threads" ]
    done
}

@test "ported: the sanitizer sees the program's mistakes, also those made in musl and in threads" {
    "$BUILD/bin/nom-cc" --sanitize -w tests/ported/memory.c -o "$BATS_TEST_TMPDIR/memory"
    local number what=(none heap-buffer-overflow heap-buffer-overflow global-buffer-overflow
        stack-buffer-overflow heap-use-after-free LeakSanitizer heap-buffer-overflow)
    ported "$BATS_TEST_TMPDIR/memory" 0
    [ "$status" -eq 0 ] && grep -qx local <<<"$output"
    for number in {1..7}; do
        ported "$BATS_TEST_TMPDIR/memory" "$number"
        [ "$status" -ne 0 ] && grep -q "ERROR: .*${what[number]}" <<<"$output"
    done
}

@test "ported: exit statuses and signals of a process" {
    NOM_FLOORS=hosted "$BUILD/bin/nom-cc" tests/ported/status.c -o "$BATS_TEST_TMPDIR/status"
    status_holds "ported $BATS_TEST_TMPDIR/status"
}
