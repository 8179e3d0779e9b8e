# Boots the real thing for a .bats file, in a network namespace of its own that ends with its
# processes. Needs root, iproute2, util-linux, qemu-system-x86.
#
#   guest_net            the namespace, with tap0 = 10.77.0.1/24; once per file (setup_file)
#   guest_boot TEXT ARG...  boots the app with its arguments; waits until the console says TEXT
#   in_net COMMAND...    runs a command where the guest can be reached
#   guest_stop, guest_net_end
#   no_calls_while_serving CONTROL_PORT   by web(), the caller's
#
# $console is the guest's serial log; $ip its address. NOM_TEST_ACCEL: tcg (default) or kvm.
# May be set before: guest_initrd, another initrd; guest_nic, more options of the NIC (",name=value");
# guest_options, more words for QEMU, before the NIC; guest_cores, virtual cores; guest_memory, MiB;
# guest_seconds, for which the namespace is there and the guest may run (900, and 300 of CPU time).
BUILD=${BUILD:-build}
export ip=10.77.0.2

guest_net() {
    unshare -n sleep "${guest_seconds:-900}" 3>&- 3<&- &
    export net_pid=$!
    until [ "$(readlink "/proc/$net_pid/ns/net")" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
    in_net ip link set lo up
    in_net ip tuntap add tap0 mode tap vnet_hdr
    in_net ip addr add 10.77.0.1/24 dev tap0
    in_net ip link set tap0 up
}

in_net() { nsenter -t "$net_pid" -n -- "$@"; }

# Starts QEMU; $qemu_pid. The command line is the rest of the arguments.
guest_start() {
    export console=${BATS_FILE_TMPDIR:?}/console
    rm -f "$console" # or an earlier guest would be taken to be ready
    # maxcpus: as the profiler does (profiler/qemu.c), so that QEMU keeps the guest's barriers.
    local machine=(-accel tcg -cpu max -smp "${guest_cores:-1},maxcpus=$((${guest_cores:-1} + 1))")
    [ "${NOM_TEST_ACCEL:-tcg}" = kvm ] && machine=(-accel kvm -cpu host -bios qboot.rom -smp "${guest_cores:-1}")
    # Not by in_net: a function in the background would be a shell, and its pid not QEMU's. The guest
    # polls, so a limit on CPU time ends one that was left behind by a killed test.
    # shellcheck disable=SC2086 # words
    nsenter -t "$net_pid" -n -- prlimit --cpu="${guest_seconds:-300}" qemu-system-x86_64 -machine q35 "${machine[@]}" -m "${guest_memory:-128}" -nodefaults \
        -no-user-config -no-reboot -display none -serial "file:$console" \
        -device isa-debug-exit,iobase=0xf4,iosize=4 \
        ${guest_options:-} -netdev tap,id=n0,ifname=tap0,script=no,downscript=no \
        -device "virtio-net-pci,disable-legacy=on,netdev=n0,mac=52:54:00:77:00:02${guest_nic:-}" \
        -kernel "$BUILD/lib/nom/nom.elf" -initrd "${guest_initrd:-$BUILD/lib/nom/initrd.cpio}" \
        -append "$*" </dev/null >"$BATS_FILE_TMPDIR/qemu" 2>&1 3>&- &
    export qemu_pid=$!
    echo "$qemu_pid" >"$BATS_FILE_TMPDIR/pid"
}

guest_boot() {
    local text=$1 turn
    shift
    guest_start "$@"
    for ((turn = 0; turn < 3000; turn++)); do
        grep -qF -- "$text" "$console" 2>/dev/null && return 0
        kill -0 "$qemu_pid" 2>/dev/null || break
        sleep 0.02
    done
    cat "$console" "$BATS_FILE_TMPDIR/qemu" 2>/dev/null
    return 1
}

# Waits for QEMU to end by itself; $guest_status is QEMU's.
guest_wait() {
    local turn
    for ((turn = 0; turn < 1000; turn++)); do
        kill -0 "$qemu_pid" 2>/dev/null || break
        sleep 0.02
    done
    # shellcheck disable=SC2034 # read by the caller
    guest_status=0
    # shellcheck disable=SC2034
    wait "$qemu_pid" || guest_status=$?
}

guest_stop() {
    local pid=
    # Of whichever test booted it last: a test cannot change the variables of the next.
    read -r pid 2>/dev/null <"$BATS_FILE_TMPDIR/pid" || return 0
    kill -9 "$pid" 2>/dev/null || true
    # The tap is free when the last thread has ended; the first may be a zombie before that.
    while grep -qs '^State:.[^ZX]' "/proc/$pid/task"/*/status; do sleep 0.01; done
    rm -f "$BATS_FILE_TMPDIR/pid"
}

# No call and no interrupt while 100,000 requests are served, by the kernel's own counters; those
# before tell that it does count. Once more if the app slept, as it may and should where the host keeps
# the client back for longer than --poll-us.
no_calls_while_serving() {
    local turn before after
    slept() { grep -o 'sleeps [0-9]*' <<<"$1"; }
    calls() { grep -o 'system_calls.*' <<<"$1"; }
    for turn in 1 2 3 4 5; do
        before=$(web control "$1" 0)
        web requests 100000 32
        after=$(web control "$1" 0)
        echo "turn $turn, before: $before"
        echo "turn $turn, after: $after"
        [ "$(slept "$before")" != "$(slept "$after")" ] || break
    done
    [ "$(slept "$before")" = "$(slept "$after")" ]
    [ "$(calls "$before")" = "$(calls "$after")" ]
    [[ $(calls "$after") == system_calls\ [1-9]* ]]
}

guest_net_end() {
    guest_stop
    kill "$net_pid" 2>/dev/null || return 0
}
