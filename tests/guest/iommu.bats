#!/usr/bin/env bats
# IOMMU mode (spec K8) as apps live in it: two nhttpd and priced, each with a NIC of its own that
# reaches by the app's own addresses, files of the initrd sent without a copy, and interrupts by the
# unit's table. Under TCG and, where it works, under KVM. Needs root, for taps.
# shellcheck disable=SC2034,SC2154 # variables of lib.bash
load lib.bash
load boot.bash

nic() { # NUMBER
    echo "-netdev tap,id=n$1,ifname=tap$1,script=no,downscript=no" \
        "-device virtio-net-pci,netdev=n$1,addr=$((4 + $1)),disable-legacy=on,iommu_platform=on,romfile="
}

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    [ "$(id -u)" = 0 ] || skip "needs root, for taps"
    boot_accels
    guest_net
    for tap in 1 2; do
        in_net ip tuntap add "tap$tap" mode tap vnet_hdr
        in_net ip addr add "10.77.$tap.1/24" dev "tap$tap"
        in_net ip link set "tap$tap" up
    done
}
setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    guest_options="-machine kernel-irqchip=split -device intel-iommu $(nic 1) $(nic 2)"
    guest_nic=",iommu_platform=on,addr=4,romfile="
}
teardown() { guest_stop; }
teardown_file() { guest_net_end; }

fetch() { in_net curl -sS --fail -m 20 "$@"; }
web() { in_net timeout 100 "$BUILD/tests/guest/web" "$@"; }
until_says() {
    for ((turn = 0; turn < 1500; turn++)); do
        grep -qF -- "$1" "$console" && return 0
        sleep 0.02
    done
    cat "$console"
    return 1
}

@test "K8: two nhttpd and priced serve in IOMMU mode, asleep between requests" {
    for accel in $ACCELS; do
        guest_stop
        NOM_TEST_ACCEL=$accel guest_boot "nhttpd: ready at 10.77.0.2:80" \
            nhttpd --ip 10.77.0.2/24 --control-port 81 --poll-us 0 -- \
            nhttpd --ip 10.77.1.2/24 --control-port 81 --poll-us 0 -- \
            priced --ip 10.77.2.2/24 --adapter static --price gbit_out_per_s=10 --report 0.2
        until_says "nhttpd: ready at 10.77.1.2:80"
        until_says 'priced: board: gbit_out_per_s 10 $/Gbit'
        grep -q 'nom: iommu at 0x[0-9a-f]*: devices reach their owner.s memory only' "$console"
        grep -q 'nom: iommu: interrupts remapped' "$console"
        for server in 10.77.0.2 10.77.1.2; do
            fetch "http://$server/" | cmp - workloads/nhttpd/www/index.html # in place, in the initrd
            fetch "http://$server/style.css" | cmp - workloads/nhttpd/www/style.css
            [ "$(fetch "http://$server/bytes/1048576" | wc -c)" -eq 1048576 ]
            web "$server" pipeline 1 200
            fetch --rate 100/s -o /dev/null "http://$server/?[1-50]"
            local counters
            counters=$(web "$server" control 81 0)
            echo "$accel $server: $counters"
            [ "$(sed 's/.*device_interrupts \([0-9]*\).*/\1/' <<<"$counters")" -ge 50 ]
        done
        run in_net curl -sS -m 10 http://10.77.2.2/ # priced's own stack answers: nobody listens
        [ "$status" -eq 7 ]
        run grep -E 'reached for|raised|forged|ended' "$console"
        [ "$status" -eq 1 ]
    done
}
