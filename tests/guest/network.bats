#!/usr/bin/env bats
# The network stack without an application around it: netecho (tests/guest/apps) under TCG, and the
# essence once more under KVM. Needs root, for a tap.
load lib.bash

READY="netecho: ready"

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    [ "$(id -u)" = 0 ] || skip "needs root, for a tap"
    export files=$BATS_FILE_TMPDIR
    head -c 3000000 /dev/urandom >"$files/random"
    # What port 19 sends: 1,000,003 bytes, each its place modulo 251.
    for ((i = 0; i < 251; i++)); do printf '%b' "\\0$(printf %o "$i")"; done >"$files/pattern"
    for ((i = 0; i < 3985; i++)); do cat "$files/pattern"; done | head -c 1000003 >"$files/source"
    export guest_initrd=$BUILD/tests/initrd.cpio
    guest_net
    guest_boot "$READY" netecho $ip/24
}
setup() { cd "$BATS_TEST_DIRNAME/../.." || return 1; }
teardown_file() { guest_net_end; }

restart() { # DELAY [strict]
    guest_stop
    guest_boot "$READY" netecho $ip/24 "$@"
}

# Runs a bash line where the guest can be reached; descriptor 3 is a connection to its port. After a
# minute it is ended, but first tells, with that connection still open, which side owes the other
# something: what the host has sent and heard, the tap's counters, the guest's.
connected() { # PORT LINE
    in_net timeout -k 10 "${patience:-60}" bash -c "
        tell() {
            echo 'port $1 stands still:'
            ss -tani
            ip -s link show tap0
            timeout 5 bash -c 'cat </dev/tcp/$ip/99' || echo 'no counters: the guest does not answer'
            exit 124
        } >&2
        trap tell TERM
        exec 3<>/dev/tcp/$ip/$1
        $2" 3>&-
}

# No file is written: many of these may run at once.
echoes() { # BYTES
    connected 7 "head -c $1 $files/random >&3 & head -c $1 <&3 | cmp -n $1 - $files/random"
}

counter() { # NAME
    connected 99 "cat <&3" | tr ' ' '\n' | sed -n "s/^$1=//p"
}

no_errors() {
    counters=$(connected 99 "cat <&3")
    echo "$counters"
    [[ $counters == *" rx_dropped=0 "* && $counters == *" tx_dropped=0 "* &&
        $counters == *" device_errors=0 "* ]]
}

essence() {
    for bytes in 1 1460 1461 100000 3000000; do echoes $bytes; done
    connected 19 "cmp $files/source <&3"
    no_errors
}

@test "network: what is sent comes back, from 1 B to 3 MB" {
    essence
}

@test "network: 16 streams at once from memory no device reaches" {
    for ((i = 0; i < 16; i++)); do
        connected 19 "cmp $files/source <&3" &
        streams[i]=$!
    done
    for stream in "${streams[@]}"; do wait "$stream"; done
    no_errors
}

@test "network: an app that keeps what it receives starves no one" {
    # More small segments than there are receive buffers (512), none of them let go.
    local before held=$BATS_TEST_TMPDIR/held
    before=$(counter rx_packets)
    nsenter -t "$net_pid" -n -- timeout 100 "$BUILD/tests/guest/web" "$ip" hold 90 1200 >"$held" 3>&- &
    holder=$!
    until [ -s "$held" ]; do
        kill -0 $holder
        sleep 0.05
    done
    cat "$held"
    [ $(($(counter rx_packets) - before)) -ge 1200 ]
    echoes 300000
    kill $holder # has held them until now
    no_errors
}

@test "network: no system call while it serves" {
    before=$(counter system_calls)
    echoes 100000
    [ "$(counter system_calls)" = "$before" ]
}

@test "network: no packet waits longer than W and one gap between polls" {
    for delay in 0 50 1000; do
        restart $delay
        for ((i = 0; i < 20; i++)); do echoes 2000; done
        echoes 3000000
        counters=$(connected 99 "cat <&3")
        echo "W = $delay us: $counters"
        tr ' ' '\n' <<<"$counters" | awk -F= -v limit=$((delay * 1000)) '
            { value[$1] = $2 }
            END {
                limit += value["poll_gap_max_ns"]
                exit !(value["rx_hold_max_ns"] <= limit && value["tx_hold_max_ns"] <= limit &&
                       limit > 0)
            }'
    done
}

@test "network: a long W gathers packets, strict takes each alone" {
    restart 1000
    for ((i = 0; i < 8; i++)); do
        echoes 100000 &
        clients[i]=$!
    done
    for client in "${clients[@]}"; do wait "$client"; done
    [ "$(counter rx_packets)" -gt "$(($(counter rx_batches) * 2))" ]
    restart 0 strict
    echoes 100000
    counters=$(connected 99 "cat <&3")
    echo "$counters"
    [[ $counters =~ rx_packets=([0-9]+)\ rx_batches=([0-9]+) ]]
    [ "${BASH_REMATCH[1]}" = "${BASH_REMATCH[2]}" ]
}

@test "network: NICs with fewer features" {
    for guest_nic in ,csum=off,guest_csum=off ,event_idx=off ,disable-legacy=off,mrg_rxbuf=off; do
        echo "$guest_nic"
        restart 0
        essence
    done
}

@test "network: a device that is no virtio 1.x is refused in one line" {
    guest_stop
    guest_nic=,disable-legacy=off,disable-modern=on
    guest_start netecho $ip/24
    guest_wait
    [ "$guest_status" -eq $(((0x40 + 1) << 1 | 1)) ]
    grep -q "netecho: virtio-net: no usable common registers (virtio 1.x is needed)" "$console"
}

@test "network: under KVM" {
    [ -w /dev/kvm ] || skip "no /dev/kvm"
    export NOM_TEST_ACCEL=kvm
    guest_stop
    guest_start netecho
    guest_wait
    [ "$guest_status" -eq $(((0x40 + 2) << 1 | 1)) ] || skip "KVM does not start"
    restart 0
    essence
    restart 20
    essence
}
