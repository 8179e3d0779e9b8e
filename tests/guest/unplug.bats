#!/usr/bin/env bats
# nhttpd whose network card is unplugged while it serves, and plugged in again (spec K12): it says
# so, and waits or ends; connections go on. Under TCG and, where it works, under KVM. Needs root.
# shellcheck disable=SC2154 # console, guest_status, ip and qemu_pid are lib.bash's
load lib.bash
load boot.bash

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    [ "$(id -u)" = 0 ] || skip "needs root, for a tap"
    boot_accels
    guest_net
    in_net ip neigh flush all
}
teardown_file() { guest_net_end; }
setup() { cd "$BATS_TEST_DIRNAME/../.." || return 1; }
teardown() { guest_stop; }

# serve ACCEL ARG...: nhttpd on a card in a port that can be plugged, with QEMU's monitor at fd 7
serve() {
    guest_stop
    local pipe=$BATS_TEST_TMPDIR/monitor
    rm -f "$pipe".in "$pipe".out
    mkfifo "$pipe".in "$pipe".out
    exec 7<>"$pipe".in 8<>"$pipe".out
    guest_options="-global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off
        -device pcie-root-port,id=rp,chassis=1 -chardev pipe,id=m,path=$pipe -mon chardev=m" \
        guest_nic=,bus=rp,id=card,romfile= NOM_TEST_ACCEL=$1 \
        guest_boot "nhttpd: ready" nhttpd --ip "$ip/24" "${@:2}"
}

until_says() {
    local turn
    for ((turn = 0; turn < 500; turn++)); do
        [ "$(grep -cF -- "$1" "$console")" -lt "$2" ] || return 0
        kill -0 "$qemu_pid" 2>/dev/null || break
        sleep 0.02
    done
    cat "$console"
    return 1
}

monitor() { echo "$*" >&7; }
plug() {
    monitor "device_add virtio-net-pci,id=card,netdev=n0,bus=rp,disable-legacy=on,romfile=,mac=52:54:00:77:00:$1"
}
get() { in_net curl -sS --fail -m 20 -o /dev/null "$@"; }

@test "unplug: nhttpd waits for another card, and serves on it" {
    for accel in $ACCELS; do
        serve "$accel"
        for turn in 1 2 3; do
            get "http://$ip/"
            monitor device_del card
            until_says "nhttpd: the network card is gone, waiting for another" $turn
            until_says "unplugged" $turn
            ! get -m 0.3 "http://$ip/" 2>/dev/null
            sleep 0.2 # QEMU forgets the card's name
            plug 1$turn
            until_says "nhttpd: serving on another network card" $turn
            get "http://$ip/bytes/300000"
        done
        # By its new address.
        in_net ip neigh show "$ip" | grep -q 52:54:00:77:00:13
    done
}

@test "unplug: a connection outlives its card" {
    for accel in $ACCELS; do
        serve "$accel"
        get --limit-rate 400000 "http://$ip/bytes/1000000" "http://$ip/" &
        local client=$!
        sleep 0.5
        monitor device_del card
        until_says "nhttpd: the network card is gone, waiting for another" 1
        sleep 0.3
        plug 20
        until_says "nhttpd: serving on another network card" 1
        wait $client
    done
}

@test "unplug: nhttpd that is idle notices, too; with --no-nic end it ends" {
    for accel in $ACCELS; do
        serve "$accel" --no-nic end --poll-us 0
        get "http://$ip/"
        sleep 1
        monitor device_del card
        until_says "nhttpd: the network card is gone, ending" 1 || grep -qF "gone, ending" "$console"
        guest_wait
        [ "$guest_status" -eq "$(exit_status 1)" ]
        grep -q "app nhttpd ended: exit status 1" "$console"
    done
}
