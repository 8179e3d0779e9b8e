#!/usr/bin/env bats
# Isolation is attacked (rows K2, K3, K4, K6, K8, K9, K10, K11, K12, K13): a hostile app tries
# everything, and only it ever ends. Its neighbour in the same machine, nhttpd with a NIC, serves a
# client on the host all the while without an error, and still serves at the end. With 1 and 2
# virtual cores under TCG, and under KVM where it works. Needs root, for a tap.
# shellcheck disable=SC2034,SC2154 # variables of lib.bash
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
teardown() {
    [ -n "${BATS_TEST_COMPLETED:-}" ] || cat "$BATS_FILE_TMPDIR/qemu"
    guest_stop
    [ -z "${sayer:-}" ] || kill "$sayer"
}
teardown_file() { guest_net_end; }

web() { in_net timeout 100 "$BUILD/tests/guest/web" "$ip" "$@"; }
says() { tr -d '\r' <"$console" | grep -qE -- "$1" || { echo "missing: $1"; return 1; }; }
never() { ! tr -d '\r' <"$console" | grep -E -- "$1"; }
ended() { tr -d '\r' <"$console" | grep -cE '^nom: app hostile gave back'; }

# spare ,OPTION: devices for the attackers: one with ports where the option allows it, one without
# interrupts, one behind a bridge, into whose port $card can be plugged once it is empty.
spare() {
    echo "-device virtio-rng-pci,vectors=17$1 -device edu -device pcie-root-port,id=rp,chassis=1" \
        "-device virtio-rng-pci,vectors=17,bus=rp,id=card0$1"
}
IOMMU="-machine kernel-irqchip=split -device intel-iommu"
TRANSLATED=,disable-legacy=on,iommu_platform=on

# attack ACCEL CORES COUNT COMMAND: COUNT hostile apps beside nhttpd; requests, and $each_turn, until
# all have ended.
attack() {
    local accel=$1 cores=$2 count=$3 turn
    echo "--- $accel, $cores cores: $4"
    guest_stop
    NOM_TEST_ACCEL=$accel guest_cores=$cores guest_boot "nhttpd: ready" "nhttpd --ip $ip/24 -- $4"
    for ((turn = 0; turn < 2000; turn++)); do
        web requests 200 8 || { cat "$console" "$BATS_FILE_TMPDIR/qemu"; return 1; }
        ${each_turn:-}
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

# Each call has succeeded at times, but those that must not.
calls_succeed() {
    local call
    for call in print query acquire release grant map unmap free protect wait yield notify channel interrupt; do
        says "^hostile: $call +[1-9][0-9]* done,"
    done
    never '^hostile: (exit|resume|others) +[1-9]'
}
# So has whatever an app may do with a device; and all have been given back.
devices_succeed() {
    says '^hostile: devices: [1-9][0-9]* acquired, [1-9][0-9]* released, [0-9]+ lost, [1-9][0-9]* bound, [1-9][0-9]* masked, [1-9][0-9]* unmasked, [1-9][0-9]* unbound, [1-9][0-9]* interrupts$'
    says '^hostile: devices: [1-9][0-9]* answers known beforehand, .* of [0-9]+ devices 0 left$'
    never '^hostile: devices: .* [1-9][0-9]* left$'
    never 'hostile: .* [1-9][0-9]* wrong'
    never '^nom: app hostile gave back: .* [1-9][0-9]* devices'
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
    guest_options=$(spare "")
    attack tcg 2 2 "hostile calls 500000 1 -- hostile calls 500000 2"
    [ "$(tr -d '\r' <"$console" | grep -cE '^hostile: [5-9][0-9]{5} calls, 0 wrong$')" -eq 2 ]
    calls_succeed
    devices_succeed
    # Each call that gives the core up gives the neighbour a slice.
    attack tcg 1 1 "hostile calls 5000 3"
    says '^hostile: 5[0-9]{3} calls, 0 wrong$'
    [ "$ACCELS" = tcg ] || attack kvm 2 1 "hostile calls 2000 4"
    never 'hostile: .* [1-9][0-9]* wrong'
}

@test "K2, K8, K11: calls about devices at random in IOMMU mode, beside one that serves with a device" {
    guest_options="$IOMMU $(spare $TRANSLATED)" guest_nic=,iommu_platform=on
    attack tcg 2 2 "hostile calls 40000 11 devices -- hostile calls 100000 12"
    says '^nom: iommu at 0x[0-9a-f]+: devices reach'
    devices_succeed
    [ "$ACCELS" = tcg ] || attack kvm 2 1 "hostile calls 1000 13 devices"
    devices_succeed
    never 'reached for|raised interrupt'
}

@test "K8: IOMMU mode: devices told to write anywhere at random are stopped, each with its app" {
    guest_options="$IOMMU $(spare $TRANSLATED)" guest_nic=,iommu_platform=on
    local accel seed=0
    for accel in $ACCELS; do
        attack "$accel" 2 7 "$(seq -f 'hostile dma %.0f' -s ' -- ' $((seed + 1)) $((seed + 7)))"
        [ "$(grep -cE 'nom: device .* of app hostile reached for 0x.*: stopped' "$console")" -eq 7 ]
        [ "$(grep -c 'nom: app hostile gave back: .* 1 devices' "$console")" -eq 7 ]
        never '^hostile: not stopped'
        seed=$((seed + 10))
    done
}

@test "K2, K8: while devices change hands, what an app does to its own reaches that one" {
    guest_options=$(spare "")
    attack tcg 2 2 "hostile registers -- hostile pass 1000"
    says '^hostile: devices taken and given back 1[0-9]{3} times$'
    says '^hostile: a register written and read [0-9]{4,} times, 0 wrong$'
    [ "$ACCELS" = tcg ] || attack kvm 2 2 "hostile registers -- hostile pass 100"
    says '^hostile: a register written and read [0-9]{4,} times, 0 wrong$'
}

# The card goes and another comes, whoever has it. QEMU refuses while it is not done with the last.
replug() {
    insist "device_del card$cards" 'pci 01:00.0: unplugged' $((cards + 1)) || return 1
    cards=$((cards + 1))
    insist "device_add virtio-rng-pci,vectors=17,bus=rp,id=card$cards${card_options:-}" 'pci 01:00.0: 1af4:' $((cards + 1))
}
# insist COMMAND TEXT COUNT: at the monitor, until the console has that many lines with the text
insist() {
    local turn
    for ((turn = 0; turn < 1000; turn++)); do
        ((turn % 50)) || echo "$1" >&7
        [ "$(grep -cF "$2" "$console")" -lt "$3" ] || return 0
        sleep 0.02
    done
    echo "not said $3 times: $2"
    return 1
}

@test "K2, K12: calls about devices at random while cards are unplugged and plugged in" {
    local pipe=$BATS_TEST_TMPDIR/monitor
    local hotplug="-global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off -chardev pipe,id=m,path=$pipe -mon chardev=m"
    mkfifo "$pipe".in "$pipe".out
    exec 7<>"$pipe".in 8<>"$pipe".out
    cat <&8 >/dev/null 3>&- & # or the monitor would wait for somebody to listen
    sayer=$!
    each_turn=replug cards=0
    guest_options="$hotplug $(spare "")"
    attack tcg 2 2 "hostile calls 40000 21 lose -- hostile calls 40000 22 devices"
    devices_succeed
    says '^hostile: devices: .* [1-9][0-9]* lost,'
    guest_options="$IOMMU $hotplug $(spare $TRANSLATED)" guest_nic=,iommu_platform=on card_options=$TRANSLATED
    cards=0
    attack tcg 2 2 "hostile calls 40000 23 devices -- hostile calls 40000 24"
    devices_succeed
    [ "$cards" -ge 1 ]
    cards=0
    [ "$ACCELS" = tcg ] || attack kvm 2 1 "hostile calls 1000 25 devices"
    devices_succeed
    never 'reached for|raised interrupt'
}

@test "K2, K9: after calls of every kind, on several cores too, all memory is free again" {
    # shellcheck disable=SC2046 # words
    boot tcg "hostile calls 200000 5" -smp 4 $(spare "")
    ends "$(exit_status 0)"
    grep -qE '^hostile: devices: .* [1-9][0-9]* calls of other cores done; of 5 devices 0 left$' <<<"$output"
    grep -qE '^hostile: 200[0-9]{3} calls, 0 wrong$' <<<"$output"
    [ "$ACCELS" = tcg ] || boot kvm "hostile calls 2000 6" -smp 2
    ends "$(exit_status 0)"
}

@test "K2, K3: apps that end with devices, interrupts, cores and memory leave nothing behind" {
    for accel in $ACCELS; do
        local count=20000 before
        [ "$accel" = tcg ] || count=500
        # shellcheck disable=SC2046,SC2086 # words
        boot "$accel" "hostile calls 1 1 -- hostile calls 1 1 -- hostile left" -smp 2 $IOMMU $(spare $TRANSLATED)
        before=$(grep '^hostile: free are' <<<"$output")
        # shellcheck disable=SC2046,SC2086 # words
        boot "$accel" "hostile calls $count 31 keep -- hostile calls $count 32 keep -- hostile left" -smp 2 \
            $IOMMU $(spare $TRANSLATED)
        ends "$(exit_status 0)"
        grep -qE '^nom: app hostile gave back: [0-9]+ KiB, [1-9][0-9]* devices' <<<"$output"
        [ "$(grep '^hostile: free are' <<<"$output")" = "$before" ]
        grep -qE ', ([0-9]+) of \1 cores, ([0-9]+) of \2 devices, 1 of 1 prices$' <<<"$before"
    done
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
