#!/usr/bin/env bats
# Devices (spec K2, K6, K7, K8, K11, K12): listed, mapped, interrupting, plugged and unplugged, held
# to their owner's memory. Boots the kernel with tests/guest/apps/device.c under TCG and, where
# /dev/kvm works, under KVM, in most tests with 1, 2 and 4 vCPUs. Needs qemu-system-x86 and cpio; no
# privileges: QEMU's user network.
# shellcheck disable=SC2119,SC2120 # until_says calls plug, too
BUILD=${BUILD:-build}

status_of() { echo $((($1 << 1 | 1) & 0xff)); }
exit_status() { status_of $((0x40 + $1)); }
FAULT=$(status_of 0x3d)

NIC=(-netdev "user,id=n,restrict=on" -device "virtio-net-pci,netdev=n,disable-legacy=on,romfile=")
IOMMU=(-machine kernel-irqchip=split -device intel-iommu)
TRANSLATED=(-netdev "user,id=n,restrict=on"
    -device "virtio-net-pci,netdev=n,disable-legacy=on,iommu_platform=on,romfile=")

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    export ACCELS=tcg
    if [ -w /dev/kvm ] && ! timeout 10 qemu-system-x86_64 -M q35 -accel kvm -display none -nodefaults -S \
        -monitor stdio <<<quit 2>&1 | grep -qi 'failed to init'; then
        ACCELS="tcg kvm"
    fi
}
setup() { cd "$BATS_TEST_DIRNAME/../.." || return 1; }
teardown() {
    [ -z "${qemu_pid:-}" ] || kill -9 "$qemu_pid" 2>/dev/null || true
}

# machine ACCEL COMMAND: the arguments every guest has, in $machine. qboot: TCG with that firmware.
machine() {
    machine=(-M q35 -m 128 -nodefaults -no-user-config -no-reboot -display none
        -device "isa-debug-exit,iobase=0xf4,iosize=4" -kernel "$BUILD/lib/nom/nom.elf"
        -initrd "$BUILD/tests/initrd.cpio" -append "$2")
    case $1 in
    tcg) machine+=(-accel tcg -cpu max) ;;
    qboot) machine+=(-accel tcg -cpu max -bios qboot.rom) ;;
    kvm) machine+=(-accel kvm -cpu host -bios qboot.rom) ;;
    esac
}

# boot ACCEL COMMAND [QEMU ARGUMENT...]: $status, $output
boot() {
    local machine
    machine "$1" "$2"
    status=0
    output=$(timeout 60 qemu-system-x86_64 "${machine[@]}" -serial stdio "${@:3}" 2>&1 </dev/null |
        tr -d '\r\0'; exit "${PIPESTATUS[0]}") || status=$?
    echo "--- $1: $2, ${*:3}: status $status"
    echo "$output"
}

says() { grep -qE -- "$1" <<<"$output" || { echo "missing: $1"; return 1; }; }
never() { ! grep -E -- "$1" <<<"$output" || { echo "unwanted: $1"; return 1; }; }
ends() { [ "$status" -eq "$1" ] || { echo "status $status, not $1"; return 1; }; }

# start ACCEL COMMAND [QEMU ARGUMENT...]: in the background, with QEMU's monitor at fd 7 and a port
# to plug into; $qemu_pid, $console
start() {
    local machine
    machine "$1" "$2"
    console=$BATS_TEST_TMPDIR/console
    rm -f "$console" "$BATS_TEST_TMPDIR/monitor"
    mkfifo "$BATS_TEST_TMPDIR/monitor"
    timeout 300 qemu-system-x86_64 "${machine[@]}" -serial "file:$console" -monitor stdio \
        -global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off -netdev user,id=n,restrict=on \
        -device pcie-root-port,id=rp,chassis=1 "${@:3}" \
        <"$BATS_TEST_TMPDIR/monitor" >"$BATS_TEST_TMPDIR/qemu" 2>&1 3>&- &
    qemu_pid=$!
    exec 7>"$BATS_TEST_TMPDIR/monitor"
    trap '' PIPE
}

# until_says TEXT N [COMMAND...]: the console has N lines with it; the command now and each second
until_says() {
    local turn count
    for ((turn = 0; turn < 1500; turn++)); do
        ((turn % 50)) || "${@:3}" || true
        count=$(grep -cF -- "$1" "$console" 2>/dev/null || true)
        [ "${count:-0}" -lt "$2" ] || return 0
        kill -0 "$qemu_pid" 2>/dev/null || break
        sleep 0.02
    done
    echo "not said $2 times: $1"
    cat "$console"
    return 1
}

monitor() { echo "$*" >&7; }

# The kernel says that a card is unplugged before it powers the port off, and until then QEMU refuses
# another: whoever plugs the next one asks again. Of a name that is there, it refuses one, too.
plug() { monitor "device_add virtio-net-pci,id=card,netdev=n,bus=rp,disable-legacy=on,romfile=${1:-}"; }

# Waits for QEMU's end; $status, $output
finish() {
    status=0
    wait "$qemu_pid" || status=$?
    qemu_pid=
    output=$(tr -d '\r\0' <"$console")
    echo "$output"
}

@test "K2: functions and a disk with its capacity are listed, behind bridges too, by either firmware" {
    truncate -s 5M "$BATS_TEST_TMPDIR/disk"
    for accel in qboot $ACCELS; do
        for cores in 1 2 4; do
            boot "$accel" hello -smp "$cores" -drive "if=none,id=a,format=raw,file=$BATS_TEST_TMPDIR/disk" \
                -drive "if=none,id=b,format=raw,file=$BATS_TEST_TMPDIR/disk,file.locking=off" \
                -device virtio-blk-pci,drive=a,share-rw=on,addr=4 -device pcie-root-port,id=r,chassis=1,addr=5 \
                -device x3130-upstream,id=u,bus=r -device xio3130-downstream,id=d,bus=u,chassis=2 \
                -device virtio-blk-pci,drive=b,share-rw=on,bus=d
            ends "$(exit_status 0)"
            [ "$(grep -c '^nom: core [0-3]$' <<<"$output")" -eq "$cores" ]
            says '^nom: pci 00:05\.0: 1b36:000c, class 06\.04$'
            says '^nom: pci 03:00\.0: 1af4:1042, class 01\.00$'
            says '^nom: disk 00:04\.0: 5242880 bytes$'
            says '^nom: disk 03:00\.0: 5242880 bytes$'
        done
    done
}

@test "K6: a card behind a bridge works by either firmware" {
    for accel in qboot $ACCELS; do
        boot "$accel" "device release" -device pcie-root-port,id=r,chassis=1 -netdev user,id=n,restrict=on \
            -device virtio-net-pci,netdev=n,bus=r,romfile=
        ends "$(exit_status 0)"
        says '^nom: pci 01:00\.0: 1af4:1041'
        says '^device: [0-9]+ checks, 0 failed$'
    done
}

@test "K6: a device is released, silent, and acquired again" {
    for accel in $ACCELS; do
        for cores in 1 2 4; do
            boot "$accel" "device release" -smp "$cores" "${NIC[@]}"
            ends "$(exit_status 0)"
            says '^device: [0-9]+ checks, 0 failed$'
        done
    done
}

@test "K6: the I/O ports of a device are its owner's, until it is released" {
    for accel in qboot $ACCELS; do
        for cores in 1 2 4; do
            boot "$accel" "device ports -- device beside 300" -smp "$cores" -netdev user,id=n \
                -device virtio-net-pci,netdev=n,romfile=
            says '^device: [0-9]+ checks, 0 failed$'
            says '^nom: app device ended: general protection fault'
            says '^beside: through all of it$'
            ends "$FAULT"
        done
    done
}

@test "K11: a card's interrupt is bound, waited for, masked, held back, unbound" {
    for accel in $ACCELS; do
        for cores in 1 2 4; do
            boot "$accel" "device interrupt" -smp "$cores" "${NIC[@]}"
            ends "$(exit_status 0)"
            says '^device: 20 frames, 2 interrupts$'
            says '^device: [0-9]+ checks, 0 failed$'
            boot "$accel" "device interrupt" -smp "$cores" "${IOMMU[@]}" "${TRANSLATED[@]}"
            ends "$(exit_status 0)"
            says '^device: [0-9]+ checks, 0 failed$'
        done
    done
}

@test "K7: trusted mode: a card writes wherever its owner says, also into another app" {
    for accel in $ACCELS; do
        for cores in 1 2 4; do
            boot "$accel" "device victim -- device attack" -smp "$cores" "${NIC[@]}"
            says '^attack: received by physical addresses, now into 0x'
            says '^victim: byte 0 is now '
        done
    done
}

@test "K8: IOMMU mode: a card told to write into another app is stopped and named, the frame unharmed" {
    for accel in $ACCELS; do
        for cores in 1 2 4; do
            boot "$accel" "device victim -- device attack" -smp "$cores" "${IOMMU[@]}" "${TRANSLATED[@]}"
            says '^nom: iommu at 0x[0-9a-f]+: devices reach '
            says '^attack: received by its own addresses, now into 0x'
            address=$(sed -n 's/^attack: received .* into \(0x[0-9a-f]*\)$/\1/p' <<<"$output")
            says "^nom: device 00:0[0-9]\.0 of app device reached for $address, which is not the app's: stopped\$"
            never '^attack: not stopped'
            says '^victim: unharmed, DMA faults 1$'
            ends "$FAULT"
        done
    done
}

# QEMU's unit remaps interrupts but lets those of the old format pass (to 11.1 at least), and names
# no function when a card's own write says that it is of the new: so all of them arrive, and must do no
# harm. Before the kernel looked twice, the first of them ended a neighbour and then the kernel.
@test "K8: IOMMU mode: a card that writes interrupts, every vector to every core: nobody is harmed" {
    for accel in qboot $ACCELS; do
        for cores in 1 2 4; do
            for new in 0 16; do
                boot "$accel" "device forge $new -- device busy 300 -- device beside 300" -smp "$cores" \
                    "${IOMMU[@]}" "${TRANSLATED[@]}"
                says '^nom: iommu: interrupts remapped'
                says "^forge: $((260 * cores)) messages written\$"
                says '^busy: all right$'
                says '^beside: through all of it$'
                ends "$(exit_status 0)"
            done
        done
    done
    boot tcg "device forge -- device busy 300 -- device beside 300" -smp 2 \
        -machine kernel-irqchip=split -device intel-iommu,intremap=off "${TRANSLATED[@]}"
    says '^nom: iommu: no interrupt remapping: a device could forge interrupts$'
    says '^nom: interrupt [0-9]+ was forged by a device: ignored'
    says '^forge: 520 messages written$'
    says '^busy: all right$'
    ends "$(exit_status 0)"
}

@test "K8: IOMMU mode: behind a bridge that hides its devices none is to be had" {
    boot tcg "device release" "${IOMMU[@]}" -device pcie-root-port,id=r,chassis=1 \
        -device pcie-pci-bridge,id=b,bus=r -netdev user,id=n \
        -device virtio-net-pci,netdev=n,bus=b,addr=1,disable-legacy=on,iommu_platform=on,romfile=
    says '^nom: pci 02:01\.0: 1af4:1041'
    says '^device: acquire gives -1$'
}

@test "K12: a card comes and goes while another app runs, more often than the board has places" {
    local cycles=70
    start tcg "device plug $cycles -- device beside 300" -smp 2
    for ((cycle = 1; cycle <= cycles; cycle++)); do
        until_says 'plug: 01:00.0 works' "$cycle" plug
        monitor device_del card
        until_says 'nom: pci 01:00.0: unplugged' "$cycle"
        sleep 0.05 # QEMU forgets the card's name soon after
    done
    finish
    ends "$(exit_status 0)"
    says '^beside: through all of it$'
    [ "$(grep -c '^plug: gives back 01:00.0: 0$' <<<"$output")" -eq "$cycles" ]
}

@test "K12: a card comes and goes under KVM, and with an IOMMU" {
    local accel cycle
    for accel in $ACCELS qboot; do
        for cores in 1 2 4; do
            echo "--- $accel, $cores cores"
            start "$accel" "device plug 3 -- device beside 300" -smp "$cores" "${IOMMU[@]}"
            for ((cycle = 1; cycle <= 3; cycle++)); do
                until_says 'plug: 01:00.0 works' "$cycle" plug ,iommu_platform=on
                monitor device_del card
                until_says 'nom: pci 01:00.0: unplugged' "$cycle"
                sleep 0.1
            done
            finish
            ends "$(exit_status 0)"
            says '^beside: through all of it$'
        done
    done
}

@test "K12: an app that keeps a card that is to go loses it after a time" {
    start tcg "device hold 1 -- device beside 300" -smp 2
    plug
    until_says 'plug: 01:00.0 works' 1
    monitor device_del card
    until_says 'nom: pci 01:00.0: to be unplugged' 1
    finish
    ends "$(exit_status 0)"
    says '^nom: pci 01:00\.0: unplugged$'
    says '^plug: lost its card, owner 0$'
    says '^beside: through all of it$'
}

@test "K12: a card that nobody owns goes at once; one that an app ended with, too" {
    start tcg "device gone -- device beside 300" -smp 2
    plug
    until_says 'nom: pci 01:00.0: 1af4:1041' 1
    monitor device_del card
    until_says 'nom: pci 01:00.0: unplugged' 1
    finish
    ends "$(exit_status 0)"
    says '^beside: through all of it$'
    start tcg "device gone -- device release -- device beside 300" -smp 2 \
        -device virtio-net-pci,id=card,netdev=n,bus=rp,romfile=
    until_says 'nom: app device gave back' 1
    monitor device_del card
    until_says 'nom: pci 01:00.0: unplugged' 1
    finish
    ends "$(exit_status 0)"
    says '^beside: through all of it$'
}
