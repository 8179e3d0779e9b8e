#!/usr/bin/env bats
# nhttpd, and a ported program (memcached), whose network card is unplugged while it serves, and
# plugged in again (spec K12): it says so, and waits or ends; connections go on. Under TCG and, where it
# works, under KVM. Needs root.
# shellcheck disable=SC2154 # console, guest_status, ip and qemu_pid are lib.bash's
bats_require_minimum_version 1.5.0
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

# on_card ACCEL APP ARG...: an app on a card in a port that can be plugged, with QEMU's monitor at fd 7
on_card() {
    guest_stop
    local pipe=$BATS_TEST_TMPDIR/monitor
    rm -f "$pipe".in "$pipe".out
    mkfifo "$pipe".in "$pipe".out
    exec 7<>"$pipe".in 8<>"$pipe".out
    guest_options="-global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off
        -device pcie-root-port,id=rp,chassis=1 -chardev pipe,id=m,path=$pipe -mon chardev=m" \
        guest_nic=,bus=rp,id=card,romfile= NOM_TEST_ACCEL=$1 \
        guest_boot "$2: ready" "$2" --ip "$ip/24" "${@:3}"
}
serve() { on_card "$1" nhttpd "${@:2}"; }
cache() { guest_initrd=$BUILD/lib/nom/memcached.cpio guest_memory=256 on_card "$1" memcached "${@:2}" -- -m 64; }

# until_says TEXT N [COMMAND...]: the console has N lines with it; the command now and each second
until_says() {
    local turn
    for ((turn = 0; turn < 1500; turn++)); do
        ((turn % 50)) || "${@:3}" || true
        [ "$(grep -cF -- "$1" "$console")" -lt "$2" ] || return 0
        kill -0 "$qemu_pid" 2>/dev/null || break
        sleep 0.02
    done
    cat "$console"
    return 1
}

monitor() { echo "$*" >&7; }
# Whoever plugs a card in asks again until it is served on: the kernel says that a card is unplugged
# before it powers the port off, and until then QEMU refuses another. Of a name that is there, too.
plug() {
    monitor "device_add virtio-net-pci,id=card,netdev=n0,bus=rp,disable-legacy=on,romfile=,mac=52:54:00:77:00:$1"
}
# ask SECONDS TEXT: what memcached answers, without carriage returns
ask() {
    # shellcheck disable=SC2016 # that shell's
    in_net timeout "$1" bash -c 'exec 3<>/dev/tcp/$0/11211 && printf "$1\r\nquit\r\n" >&3 && cat <&3' "$ip" "$2" |
        tr -d '\r'
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
            run ! get -m 0.3 "http://$ip/"
            sleep 0.2 # QEMU forgets the card's name
            until_says "nhttpd: serving on another network card" $turn plug 1$turn
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
        until_says "nhttpd: serving on another network card" 1 plug 20
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

@test "unplug: memcached waits for another card, and has kept its connections and what it held" {
    local turn open=$BATS_TEST_TMPDIR/open go=$BATS_TEST_TMPDIR/go
    for accel in $ACCELS; do
        cache "$accel"
        [ "$(ask 20 'set k 0 0 5\r\nvalue')" = STORED ]
        for turn in 1 2; do
            rm -f "$open" "$go"
            # shellcheck disable=SC2016 # that shell's
            in_net timeout 60 bash -c 'exec 3<>/dev/tcp/$0/11211 && printf "version\r\n" >&3 && read -r <&3 && touch "$1"
                until [ -e "$2" ]; do sleep 0.05; done
                printf "get k\r\nquit\r\n" >&3; cat <&3' "$ip" "$open" "$go" >"$BATS_TEST_TMPDIR/idle" 3>&- &
            local client=$!
            until [ -e "$open" ]; do sleep 0.02; done
            monitor device_del card
            until_says "memcached: the network card is gone, waiting for another" $turn
            until_says "unplugged" $turn
            [ -z "$(ask 0.3 version)" ]
            sleep 0.2 # QEMU forgets the card's name
            until_says "memcached: serving on another network card" $turn plug 3$turn
            touch "$go"
            wait $client
            [ "$(tr -d '\r' <"$BATS_TEST_TMPDIR/idle")" = $'VALUE k 0 5\nvalue\nEND' ]
            [ "$(ask 20 'get k')" = $'VALUE k 0 5\nvalue\nEND' ]
        done
        kill -0 "$qemu_pid"
    done
}

@test "unplug: memcached with --no-nic end ends, and the kernel with it" {
    for accel in $ACCELS; do
        cache "$accel" --no-nic end
        [ "$(ask 20 'set k 0 0 5\r\nvalue')" = STORED ]
        monitor device_del card
        until_says "memcached: the network card is gone, ending" 1 || grep -qF "gone, ending" "$console"
        guest_wait
        [ "$guest_status" -eq "$(exit_status 1)" ]
        grep -q "app memcached ended: exit status 1" "$console"
    done
}
