#!/usr/bin/env bats
# memcached in a guest under a mixed load (tests/hosted/mixed.bash): under KVM where that starts a guest,
# else under TCG. Needs root, for a tap. Minutes instead of seconds: NOM_MIXED_SECONDS.
# shellcheck disable=SC2154 # ip, console, qemu_pid: of lib.bash
load lib.bash
load boot.bash
load ../hosted/mixed.bash

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    [ "$(id -u)" = 0 ] || skip "needs root, for a tap"
    boot_accels
    export guest_initrd=$BUILD/lib/nom/memcached.cpio guest_memory=1536 NOM_TEST_ACCEL=${ACCELS##* } \
        guest_seconds=$((MIXED_SECONDS * 2 + 900))
    guest_net
    in_net ip link set tap0 txqueuelen 4096 # a thousand peers' segments, while QEMU is not on a core
}
setup() { cd "$BATS_TEST_DIRNAME/../.." || return 1; }
teardown_file() { guest_net_end; }

mixed_memory() { mixed_value "$1" used_bytes; } # of what the control port says

@test "mixed: memcached in a guest keeps all it is given, and no memory beyond" {
    local lines
    guest_boot "memcached: ready" memcached --ip "$ip/24" --control-port 7700 -- -t 1 "${MIXED_MEMCACHED[@]}" -c 2048
    lines=$(wc -l <"$console")
    mixed_run --connections 1000
    mixed_steady
    mixed_alone
    kill -0 "$qemu_pid"
    [ "$(wc -l <"$console")" -eq "$lines" ] # it had nothing more to say
}
