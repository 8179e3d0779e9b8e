#!/usr/bin/env bats
# An app that has nothing to do sleeps on its NIC's interrupt, and one that serves takes none. Under
# TCG and, where it works, under KVM. Needs root, iproute2, curl, qemu-system-x86.
# shellcheck disable=SC2154 # guest_status, ip and qemu_pid are lib.bash's
load lib.bash
load boot.bash

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    [ "$(id -u)" = 0 ] || skip "needs root for a network namespace"
    boot_accels
    guest_net
}
teardown_file() { guest_net_end; }
setup() { cd "$BATS_TEST_DIRNAME/../.." || return 1; }
teardown() { guest_stop; }

serve() {
    guest_stop
    NOM_TEST_ACCEL=$1 guest_boot "nhttpd: ready" nhttpd --ip "$ip/24" --control-port 81 "${@:2}"
}

ticks() { awk '{ print $14 + $15 }' "/proc/$qemu_pid/stat"; }

# What the app counted.
count() { in_net "$BUILD/tests/guest/web" "$ip" control 81 0 | sed "s/.*$1 \([0-9]*\).*/\1/"; }

# times COUNT: requests, at most 100 a second, one after the other on one connection; their times in $BATS_TEST_TMPDIR/times
times() {
    in_net curl -s --fail -m 100 --rate 100/s -w '%{stderr}%{time_total}\n' "http://$ip/?[1-$1]" 2>"$BATS_TEST_TMPDIR/times" >/dev/null
    [ "$(wc -l <"$BATS_TEST_TMPDIR/times")" -eq "$1" ]
}

@test "sleep: an idle guest uses under 3 % of a host core, and wakes for a request" {
    for accel in $ACCELS; do
        serve "$accel"
        in_net curl -s --fail -m 20 -o /dev/null "http://$ip/"
        sleep 2
        # One that polls uses all of a core in each of them; what the host adds to one that sleeps, in few.
        local from used=500 turn
        for turn in 1 2 3 4 5; do
            from=$(ticks)
            sleep 5
            used=$(($(ticks) - from))
            echo "$accel, turn $turn: $used hundredths of a second in 5"
            [ "$used" -ge 15 ] || break
        done
        [ "$used" -lt 15 ]
        in_net curl -s --fail -m 20 -o /dev/null "http://$ip/"
    done
}

# A wake-up that is lost shows as a request that waits for the next timer, a quarter of a second.
@test "sleep: with --poll-us 0 each request is served by an interrupt, none is lost" {
    for accel in $ACCELS; do
        serve "$accel" --poll-us 0
        # One that loses them at all does so in each round; a busy host is late in a few.
        local round late
        for round in 1 2 3 4 5; do
            times 200
            late=$(awk '$1 > 0.2 { late++ } END { print late + 0 }' "$BATS_TEST_TMPDIR/times")
            echo "$accel, round $round: $late late"
            [ "$late" -gt 2 ] || break
        done
        [ "$late" -le 2 ]
        [ "$(count sleeps)" -ge $((100 * round)) ]
        [ "$(count device_interrupts)" -ge $((100 * round)) ]
    done
}

@test "sleep: bad values of --poll-us: one line, status 2" {
    for value in -1 1000001 x; do
        guest_stop
        guest_boot "nhttpd: bad value for --poll-us: $value" nhttpd --ip "$ip/24" --poll-us "$value"
        guest_wait
        [ "$guest_status" -eq "$(exit_status 2)" ]
    done
}
