#!/usr/bin/env bats
# Programs written for a POSIX system, built by nom-cc, as a guest's app. Needs root, for a tap.
# shellcheck disable=SC2154 # console, guest_status and ip are lib.bash's
load lib.bash

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    [ "$(id -u)" = 0 ] || skip "needs root, for a tap"
    NOM_FLOORS=guest "$BUILD/bin/nom-cc" tests/ported/basics.c -o "$BATS_FILE_TMPDIR/basics.elf"
    export guest_initrd=$BATS_FILE_TMPDIR/ported.cpio
    tools/make-initrd "$guest_initrd" "$BATS_FILE_TMPDIR/basics.elf"
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
