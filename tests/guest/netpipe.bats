#!/usr/bin/env bats
# Boots netpipe and lets Debian's NPtcp, unchanged, talk to it: under TCG, and under KVM where it
# works. The whole of its default run is tests/hosted/netpipe.bats' matter. Needs root, for a tap.
# shellcheck disable=SC2154 # console, guest_status and ip are lib.bash's
load lib.bash
load ../netpipe.bash

READY="netpipe: ready"
USAGE=$(((0x40 + 2) << 1 | 1)) # runtime/abi/start.h: exit status 2

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    [ "$(id -u)" = 0 ] || skip "needs root, for a tap"
    command -v NPtcp >/dev/null || skip "NPtcp is not installed"
    guest_net
    out=$BATS_TEST_TMPDIR/np.out
}
teardown() { guest_net_end; }

boots() { guest_boot "$READY" netpipe --ip "$ip/24" --poll-us 1000000 "$@"; }
np() {
    in_net timeout 200 NPtcp -h "$ip" -o "$out" "$@" >"$BATS_TEST_TMPDIR/np.log" 2>&1 || {
        cat "$BATS_TEST_TMPDIR/np.log"
        return 1
    }
}
last() { awk 'END {print NR, $1}' "$out"; }
lines() { tr -d '\r' <"$console" | grep -c '^netpipe: ' || true; }

essence() {
    boots
    np -u 3000 -n 10
    [ "$(last)" = "52 2051" ]
    np -n 3 -u 3000000 # messages far beyond any buffer
    [ "$(last)" = "112 2097155" ]
    run in_net timeout 20 bash -c "exec 3<>/dev/tcp/$ip/5002; echo garbage >&3; cat <&3"
    np -u 64 -n 10
    [ "$(last)" = "22 67" ]
    [ "$(lines)" -eq 2 ]
    guest_stop
    boots -l 1000 -p 0 -2
    np -l 1000 -p 0 -2 -n 10
    grep -q 'The upper limit is being set to' "$BATS_TEST_TMPDIR/np.log"
    [ "$(lines)" -eq 1 ]
    guest_stop
    boots --control-port 7700
    says=$console netpipe_adapts
}

@test "netpipe: NPtcp's runs, a client that talks garbage, both ways at once; it adapts" { essence; }

@test "netpipe: the same under KVM" {
    [ -w /dev/kvm ] || skip "no /dev/kvm"
    export NOM_TEST_ACCEL=kvm
    guest_start netpipe
    guest_wait
    [ "$guest_status" -eq "$USAGE" ] || skip "KVM does not start"
    essence
}
