#!/usr/bin/env bats
# priced as a guest's app, with a NIC and a stack of its own: each adapter, and a provider that
# misbehaves in every way that the price page must survive (spec P1 to P3), and an nhttpd in the same
# guest that follows the page, on a NIC of its own. What readers of the page see, priced prints itself
# (--report). Under TCG, one test with 1, 2 and 4 vCPUs; the last repeats the essence under KVM where
# it works. Needs root, for taps.
# shellcheck disable=SC2034,SC2154 # variables of lib.bash and priced.bash
load lib.bash
load ../hosted/priced.bash

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    [ "$(id -u)" = 0 ] || skip "needs root, for a tap"
    guest_net
    in_net ip tuntap add tap1 mode tap vnet_hdr
    in_net ip addr add 10.77.1.1/24 dev tap1
    in_net ip link set tap1 up
}
setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    priced_setup
    log=$BATS_FILE_TMPDIR/console
    says_late="no answer of the provider in time" says_no_http="a reply that is no HTTP"
    says_gone="the provider refuses the connection"
}
teardown() {
    guest_stop
    provider_stop
}
teardown_file() { guest_net_end; }

# Boots priced with its own arguments; waits until it says TEXT.
priced() {
    local text=$1
    shift
    said=0
    guest_boot "priced: ready" priced --ip "$ip/24" "$@"
    server_pid=$qemu_pid
    says "$text"
}
# The same beside nhttpd, which is the first app and so takes the first NIC.
priced_beside_app() {
    local guest_cores=2
    local guest_options="-netdev tap,id=n1,ifname=tap1,script=no,downscript=no
        -device virtio-net-pci,disable-legacy=on,netdev=n1,mac=52:54:00:77:01:02"
    said=0
    guest_boot "priced: ready" nhttpd --ip 10.77.1.2/24 --control-port 7700 -- priced --ip "$ip/24" "${@:2}"
    server_pid=$qemu_pid
    says "$1"
    app_follows 10.77.1.2
}
alive() { kill -0 "$qemu_pid"; }
refused() { # STATUS TEXT ARG...: ends with that exit status, and says TEXT
    guest_boot "priced: $2" priced "${@:3}"
    guest_wait
    [ "$guest_status" -eq $(((0x40 + $1) << 1 | 1)) ] # runtime/abi/start.h
}

@test "P1: priced publishes a static price on the page" {
    priced "priced: board: cpu" --adapter static --price gbit_out_per_s=10,cpu_s_per_s=0.001 --report 0.2
    grep -q '^priced: board: gbit_out_per_s 10 \$/Gbit, [0-9.]* s old, from static' "$console"
    run in_net curl -sS -m 10 "http://$ip/" # its own NIC and stack answer: nobody listens there
    echo "$output"
    [ "$status" -eq 7 ]
}

@test "P1: priced replays traces that are packed with it" {
    mkdir -p "$BATS_TEST_TMPDIR/traces"
    printf 'time_s,gbit_out_per_s:usd_per_gb\n0,8\n10,16\n20,80\n' >"$BATS_TEST_TMPDIR/traces/t.csv"
    printf '{"SpotPriceHistory": [%s, %s]}' \
        '{"AvailabilityZone": "a", "InstanceType": "m", "ProductDescription": "L", "SpotPrice": "7.2", "Timestamp": "2024-05-01T01:00:00+00:00"}' \
        '{"AvailabilityZone": "a", "InstanceType": "m", "ProductDescription": "L", "SpotPrice": "3.6", "Timestamp": "2024-05-01T00:00:00+00:00"}' \
        >"$BATS_TEST_TMPDIR/traces/ec2.json"
    guest_initrd=$BATS_TEST_TMPDIR/initrd.cpio
    tools/make-initrd "$guest_initrd" "$BUILD/lib/nom/priced.elf" -- "$BATS_TEST_TMPDIR:traces/t.csv" \
        "$BATS_TEST_TMPDIR:traces/ec2.json"
    priced "gbit_out_per_s 10 -> 1 " --adapter trace --trace traces/t.csv --speed 50 --at-end loop
    guest_stop
    priced "cpu_s_per_s 0.001 -> 0.002 " --adapter trace --trace traces/ec2.json --format ec2 --speed 3600
    guest_stop
    refused 1 "--trace traces/none: no such file" --adapter trace --trace traces/none
}

@test "P1: priced asks CloudSigma's /pricing/, and carries its next price" {
    provider_start
    provider_says "$(cloudsigma 1 2)"
    priced "announced, in" --adapter rest --url http://10.77.0.1:8080/api/2.0/pricing/ --provider cloudsigma \
        --poll 0.2 --report 0.2 --jitter 0
    says 'board: gbit_out_per_s 0.01 $/Gbit, '
    says ', 0.02 announced, from rest http://10.77.0.1:8080/api/2.0/pricing/'
    provider_says "$(cloudsigma 2 2)"
    says 'gbit_out_per_s 0.01 -> 0.02 $/Gbit'
    grep -q '^GET /api/2.0/pricing/ HTTP/1.1' "$provider/requests"
    grep -q '^Host: 10.77.0.1:8080' "$provider/requests"
}

@test "P3: page and app: the provider hangs, says 500, HTML, too much, NaN, a negative price, another currency, vanishes" {
    provider_start
    provider_says '{"price": 10, "currency": "USD"}'
    priced_beside_app "gbit_out_per_s 10" "${rest[@]}" --json-path price --currency-path currency
    every_trouble
    alive
}

@test "P1, P3: on 1, 2 and 4 vCPUs priced asks the provider, bears its silence, and hears it again" {
    provider_start
    for cores in 1 2 4; do
        echo "--- $cores cores"
        guest_stop
        provider_says '{"price": 10}'
        guest_cores=$cores priced "gbit_out_per_s 10" "${rest[@]}" --json-path price
        [ "$(grep -c '^nom: core' "$console")" -eq "$cores" ]
        rm "$provider/reply"
        trouble "it hangs" "$says_late"
    done
}

@test "P3: a provider that trickles, that is not there, and whose name is no address" {
    provider_start
    provider_says '{"price": 10}'
    priced "gbit_out_per_s 10" "${rest[@]}" --json-path price
    touch "$provider/trickle"
    says "no answer of the provider in time"
    rm "$provider/trickle"
    says "the provider answers again"
    in_net ip addr del 10.77.0.1/24 dev tap0
    says "no connection to the provider in time"
    in_net ip addr add 10.77.0.1/24 dev tap0
    says "the provider answers again"
    guest_stop
    refused 1 "--url is http://A.B.C.D" --ip "$ip/24" "${rest[@]}" --json-path a --url http://localhost/
    refused 1 "--ip A.B.C.D/LEN is needed" "${rest[@]}" --json-path a
    refused 2 "no option --speak" --speak 1
}

@test "P3: hundreds of polls, good and bad, lose nothing" {
    provider_start
    provider_says '{"price": 10}'
    priced "gbit_out_per_s 10" "${rest[@]}" --json-path price --poll 0.01 --retry 0.01 --retry-most 0.01 --log-every 60
    for ((turn = 0; turn < 12; turn++)); do
        case $((turn % 4)) in
        0) provider_replies 'HTTP/1.1 500 Oops\r\n\r\n' ;;
        1) provider_replies 'HTTP/1.1 200 OK\r\n\r\n[[[[' ;;
        2) provider_says '{"price": -1}' ;;
        3) provider_says "{\"price\": $((turn + 1))}" ;;
        esac
        asked=$(grep -c ^GET "$provider/requests")
        for ((i = 0; i < 1000; i++)); do
            [ "$(grep -c ^GET "$provider/requests")" -lt $((asked + 50)) ] || break
            sleep 0.02
        done
    done
    [ "$(grep -c ^GET "$provider/requests")" -ge 600 ]
    says "board: gbit_out_per_s 12 "
    [ "$(grep -c "no memory" "$console")" -eq 0 ]
}

@test "P1 P3: the essence under KVM" {
    [ -w /dev/kvm ] || skip "no /dev/kvm"
    export NOM_TEST_ACCEL=kvm
    guest_start priced
    guest_wait
    [ "$guest_status" -eq $(((0x40 + 2) << 1 | 1)) ] || skip "KVM does not start"
    provider_start
    provider_says '{"price": 10, "currency": "USD"}'
    priced_beside_app "gbit_out_per_s 10" "${rest[@]}" --json-path price --currency-path currency
    every_trouble
}
