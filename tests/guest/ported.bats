#!/usr/bin/env bats
# Programs written for a POSIX system, built by nom-cc, as a guest's app. Needs root, for a tap.
# shellcheck disable=SC2154 # console, guest_status and ip are lib.bash's
load lib.bash
load ../ported.bash

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    [ "$(id -u)" = 0 ] || skip "needs root, for a tap"
    NOM_FLOORS=guest "$BUILD/bin/nom-cc" tests/ported/basics.c -o "$BATS_FILE_TMPDIR/basics.elf"
    NOM_FLOORS=guest "$BUILD/bin/nom-cc" tests/ported/status.c -o "$BATS_FILE_TMPDIR/status.elf"
    NOM_FLOORS=guest "$BUILD/bin/nom-cc" tests/ported/local.c tests/ported/local_part.c -o "$BATS_FILE_TMPDIR/local.elf"
    export guest_initrd=$BATS_FILE_TMPDIR/ported.cpio
    tools/make-initrd "$guest_initrd" "$BATS_FILE_TMPDIR"/{basics,status,local}.elf
    guest_net
}
setup() { cd "$BATS_TEST_DIRNAME/../.." || return 1; }
teardown_file() { guest_net_end; }

@test "ported: what a C library promises, in a guest" {
    guest_boot "app basics ended" basics --ip "$ip/24" -- -w 12 -n some last
    guest_wait
    tr -d '\r' <"$console" >"$BATS_TEST_TMPDIR/says"
    cat "$BATS_TEST_TMPDIR/says"
    [ "$(grep -c '^holds: ' "$BATS_TEST_TMPDIR/says")" -eq 7 ]
    grep -qx 'a line without its end' "$BATS_TEST_TMPDIR/says"
    grep -qx 'on stderr' "$BATS_TEST_TMPDIR/says"
    [ "$guest_status" -eq $(((0x40 + 3) << 1 | 1)) ] # runtime/abi/start.h: exit status 3
}

@test "ported: thread-local variables, in a guest" {
    guest_boot "app local ended" local --ip "$ip/24"
    guest_wait
    cat "$console"
    grep -q '^holds: 60 threads' "$console"
    [ "$guest_status" -eq $(((0x40 + 3) << 1 | 1)) ]
}

# ARGUMENT...: the app's exit status, from QEMU's (runtime/abi/start.h), and what the console says
status_of() {
    guest_boot "app status ended" status --ip "$ip/24" -- "$@"
    guest_wait
    output=$(tr -d '\r' <"$console")
    status=$(((guest_status >> 1) - 0x40))
    grep -q "app status ended: exit status $status\$" <<<"$output"
}

@test "ported: exit statuses and signals of an app" { status_holds status_of; }
