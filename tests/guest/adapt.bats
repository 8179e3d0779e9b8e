#!/usr/bin/env bats
# memcached adapts as nhttpd does, without a change to its source: the library around it holds table,
# chooser, control port and load estimate (spec A1, A2). In a guest, and as a process; what it does is
# decided by the table and the prices, not by how fast the machine is.
# shellcheck disable=SC2154 # db, accel: of lib.bash and boot.bash
load ../cli/lib.bash
load boot.bash
setup() {
    cli_setup
    seed table t memcached
}

json() { jq -c "$1" <<<"$output"; }

# At 25 $/Gbit every row loses: it serves nobody, and again when the price falls. The table's best row
# for one connection has W = 0.
adapts() {
    runs nomctl run memcached --db "$db" --table t --utility simple:alpha=20,l0_us=1000000 \
        --load 1 --seconds 3 --price 1,25@1s,1.5@2s --json "$@"
    [ "$status" -eq 0 ]
    [ "$(json '[.phases[] | [.price_usd_per_gbit, .serving, .errors]]')" = '[[1,true,0],[25,false,0],[1.5,true,0]]' ]
    [ "$(json '[.phases[] | select(.serving) | .replies > 0 and .delay_us == 0 and .profit_usd_per_s > 0] | all')" = true ]
    [ "$(json '[.phases[] | select(.serving | not) | .replies == 0 and .refused > 0] | all')" = true ]
    [ "$(json .not_supported)" = '[]' ]
    [ "$(sqlite3 "$db" 'SELECT count(*) FROM phase')" -eq 3 ]
}

@test "A1 A2: memcached in a guest follows the price" {
    boot_accels
    for accel in $ACCELS; do
        rm -f "$db"
        adapts --on nom --accel "$accel"
    done
}

@test "A1 A2: memcached as a process follows the price, profiled, reported, and by its own table" {
    adapts --on hosted
    rm -f "$db"
    nomctl profile memcached --on hosted --db "$db" --delays 0,8 --loads 2 --repeats 1 --seconds 0.4 --accept-noisy
    nomctl report memcached --db "$db" -o report
    [ -s report/index.html ] && grep -q '90 % gets' report/index.html
    nomctl table memcached --db "$db" --utility simple -o own.table
    runs nomctl run memcached --on hosted --db "$db" --table own.table --load 2 --seconds 1 --json
    [ "$status" -eq 0 ]
    [ "$(json '.phases[0] | .replies > 0 and .errors == 0')" = true ]
}
