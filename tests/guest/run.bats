#!/usr/bin/env bats
# Several apps in one guest: nomctl run with two nhttpd and the price daemon, each on a NIC of its own.
# NOM_TEST_ACCEL: tcg (default) or kvm; one test has both where KVM works. Nothing here depends on how
# fast the machine is.
load ../cli/lib.bash
load boot.bash
setup() {
    cli_setup
    accel=${NOM_TEST_ACCEL:-tcg}
    seed table t nhttpd
}

json() { jq -c "$1" <<<"$output"; }

# $1: further options. Prices at which the first app earns nothing and the second does.
two_apps() {
    runs nomctl run nhttpd --db "$db" --accel "$accel" --table t --apps 2 \
        --utility penalty:l0_us=1000000 --utility simple:alpha=40,l0_us=1000000 --load 2 --seconds 3 \
        --price 1,25@1s,1.5@2s --json "$@"
    [ "$status" -eq 0 ]
    [ "$(json '[.phases[] | [.phase, .app_number, .price_usd_per_gbit, .serving]]')" = \
        '[[0,1,1,true],[0,2,1,true],[1,1,25,false],[1,2,25,true],[2,1,1.5,true],[2,2,1.5,true]]' ]
    [ "$(json '[.phases[] | .price_noticed_us > 0] | all')" = true ]
    [ "$(json '[.phases[] | .errors] | add')" = 0 ]
    [ "$(json '[.phases[] | select(.serving) | .replies > 0] | all')" = true ]
    [ "$(sqlite3 "$db" 'SELECT count(*) FROM phase')" -eq 6 ]
}

@test "P1 P2 A2: two apps and priced in one guest, each by its own utility" {
    two_apps
    documented
    [ "$(json .vcpus)" = 3 ]
    [ "$(sqlite3 "$db" 'SELECT DISTINCT vcpus FROM trial')" = 3 ]
}

@test "P2, K10: two apps and priced on 1, 2 and 4 virtual processors" {
    boot_accels
    for accel in $ACCELS; do
        for cores in 1 2 4; do
            [ "$accel" = tcg ] || [ "$cores" -eq 2 ] || continue
            db=$accel-$cores.db two_apps --vcpus "$cores"
            [ "$(json '[.accel, .vcpus]')" = "[\"$accel\",$cores]" ]
        done
    done
}

@test "run: QEMU's user network, where priced reaches the provider by the gateway" {
    runs nomctl run nhttpd --db "$db" --accel "$accel" --table t --network user \
        --load 2 --seconds 2 --price 1,2@1s --json
    [ "$status" -eq 0 ]
    [ "$(json '[.network, (.phases[] | .price_usd_per_gbit, .price_noticed_us > 0)]')" = '["user",1,true,2,true]' ]
}

@test "run: a priced that ends, ends the run in one line" {
    mkdir guest files
    cp "$BUILD"/lib/nom/*.elf guest
    cp "$BUILD/lib/nom/nhttpd.elf" files/nhttpd
    cp "$BUILD/lib/nom/selfcheck.elf" files/selfcheck
    cp "$BUILD/lib/nom/selfcheck.elf" files/priced # it ends, and publishes nothing
    (cd files && printf 'nhttpd\npriced\nselfcheck\n' | cpio --quiet -o -H newc >../guest/initrd.cpio)
    NOM_HOME=$PWD/guest run --separate-stderr nomctl run nhttpd --db "$db" --accel "$accel" \
        --delay 0 --seconds 2
    echo "$status $output $stderr"
    [ "$status" -eq 1 ]
    [[ ${lines[*]} == "" && $stderr == "nomctl: nhttpd did not start: priced ended: exit status "* ]]
}
