#!/usr/bin/env bats
# Isolation is attacked (rows K2, K3, K4, K9, K10, K13): a hostile app tries everything, and only it
# ever ends. Its neighbour in the same machine, nhttpd with a NIC, serves a client on the host all
# the while without an error, and still serves at the end. With 1 and 2 virtual cores under TCG, and
# under KVM where it works. Needs root, for a tap.
# shellcheck disable=SC2154 # console and ip are lib.bash's
load lib.bash
load boot.bash

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    [ "$(id -u)" = 0 ] || skip "needs root, for a tap"
    boot_accels
    guest_net
}
setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    export guest_initrd=$BUILD/tests/initrd.cpio
}
teardown() { guest_stop; }
teardown_file() { guest_net_end; }

web() { in_net timeout 100 "$BUILD/tests/guest/web" "$ip" "$@"; }
says() { tr -d '\r' <"$console" | grep -qE -- "$1" || { echo "missing: $1"; return 1; }; }
never() { ! tr -d '\r' <"$console" | grep -E -- "$1"; }
ended() { tr -d '\r' <"$console" | grep -cE '^nom: app hostile gave back'; }

# attack ACCEL CORES COUNT COMMAND: COUNT hostile apps beside nhttpd; requests until all have ended.
attack() {
    local accel=$1 cores=$2 count=$3 turn
    echo "--- $accel, $cores cores: $4"
    guest_stop
    NOM_TEST_ACCEL=$accel guest_cores=$cores guest_boot "nhttpd: ready" "nhttpd --ip $ip/24 -- $4"
    for ((turn = 0; turn < 2000; turn++)); do
        web requests 200 8
        [ "$(ended)" -lt "$count" ] || break
    done
    cat "$console"
    [ "$(ended)" -eq "$count" ]
    serves
}

# The neighbour: all of it, at the end.
serves() {
    web requests 1000 16
    web sizes 1 3
    never '^nom: (app nhttpd|panic)'
    kill -0 "$qemu_pid"
}

REFUSED='^hostile: [0-9]{4,} attempts, [0-9]{4,} refused, 0 succeeded$'

@test "K3, K9: every privileged instruction and every address that is not the app's is refused" {
    attack tcg 1 1 "hostile instructions 1"
    says "$REFUSED"
    says '^nom: app hostile ended: exit status 0$'
    attack tcg 2 1 "hostile instructions 2"
    says "$REFUSED"
    [ "$ACCELS" = tcg ] || attack kvm 1 1 "hostile instructions 3"
    says "$REFUSED"
}

@test "K4, K2, K9, K13: a million system calls with every kind of argument" {
    attack tcg 2 2 "hostile calls 500000 1 -- hostile calls 500000 2"
    says '^hostile: [5-9][0-9]{5} calls, 0 wrong$'
    never 'hostile: .* [1-9][0-9]* wrong'
    # Each call that gives the core up gives the neighbour a slice.
    attack tcg 1 1 "hostile calls 5000 3"
    says '^hostile: 5[0-9]{3} calls, 0 wrong$'
    [ "$ACCELS" = tcg ] || attack kvm 2 1 "hostile calls 2000 4"
    never 'hostile: .* [1-9][0-9]* wrong'
}

@test "K2, K9: after calls of every kind, on several cores too, all memory is free again" {
    boot tcg "hostile calls 200000 5" -smp 4
    ends "$(exit_status 0)"
    grep -qE '^hostile: 200[0-9]{3} calls, 0 wrong$' <<<"$output"
    [ "$ACCELS" = tcg ] || boot kvm "hostile calls 2000 6" -smp 2
    ends "$(exit_status 0)"
}

@test "K10: an app that takes all it can get and never gives way does not stop the others" {
    attack tcg 1 1 "hostile starve 2"
    says '^hostile: took 0 cores and [0-9]{2,} MiB, and publishes prices$'
    says '^hostile: was cut [1-9][0-9]* times$'
    attack tcg 2 2 "hostile starve 2 -- hostile starve 2"
    [ "$ACCELS" = tcg ] || attack kvm 1 1 "hostile starve 2"
}

@test "K2, K6, K11: devices, cores, prices and channels of others are not to be had" {
    attack tcg 2 2 "hostile hold -- hostile devices"
    says '^hostile: [0-9]{4,} attempts at [0-9]+ things of others, 0 succeeded$'
    says '^hostile: what is held is as it was$'
    [ "$ACCELS" = tcg ] || attack kvm 1 2 "hostile hold -- hostile devices"
    says '^hostile: what is held is as it was$'
}

ways() {
    sed 's/ *\([^ ]*\)/ -- hostile end \1/g;s/^ -- //' <<<"$*"
}

@test "K3: whatever way an app ends, only it ends" {
    for accel in $ACCELS; do
        for cores in 1 2; do
            attack "$accel" "$cores" 7 "$(ways upcall-stack upcall-entry upcall-unmapped resume-kernel resume-stack \
                fault-in-fault no-upcall)"
            attack "$accel" "$cores" 7 "$(ways recursion unmapped-upcalls core-fault core-unmapped exit-with-cores \
                data-segment keys)"
        done
    done
}
