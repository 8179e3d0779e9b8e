#!/usr/bin/env bats
# The command line with apps that are processes: as root, and as a user without any right, in a
# folder that holds what an installation would. Killed at any moment, nothing is left: no process,
# namespace, interface or file. Nothing here depends on how fast the machine is.
# shellcheck disable=SC2154 # db, output: of lib.bash and bats
load ../cli/lib.bash
load place.bash

setup() { place_setup; }
teardown() { place_end; }

profile() {
    "${prefix[@]}" "$place/bin/nomctl" profile nhttpd --on hosted --db "$db" --accept-noisy \
        --seconds 0.8 --warmup 0.2 "$@"
}

# A sweep under way: $background.
sweep_start() {
    "${prefix[@]}" "$place/bin/nomctl" profile nhttpd --on hosted --db "$db" --accept-noisy \
        --seconds 0.2 --warmup 0.1 --delays 0,4,8 --loads 2 --repeats 50 >"$place/out" 2>"$place/err" 3>&- &
    background=$!
}

trials() {
    [ -s "$db" ] || { echo 0 && return; } # sqlite3 would make it, as another user
    sqlite3 "$db" "SELECT count(*) FROM trial WHERE status $1" 2>/dev/null || echo 0
}

until_trials() {
    for _ in $(seq 2000); do
        [ "$(trials "$1")" -ge "$2" ] && return 0
        kill -0 "$background" 2>/dev/null || break
        sleep 0.01
    done
    cat "$place/out" "$place/err"
    return 1
}

# Namespaces that our processes hold and we do not.
inside() {
    for pid in $(ours); do
        readlink "/proc/$pid/ns/net" "/proc/$pid/ns/user"
    done 2>/dev/null | sort -u |
        grep -vxF -e "$(readlink /proc/self/ns/net)" -e "$(readlink /proc/self/ns/user)"
}

held() {
    readlink /proc/[0-9]*/ns/net /proc/[0-9]*/ns/user 2>/dev/null | grep -qxF "$1"
}

# $1: the namespaces there were
nothing_left() {
    none_of_ours
    local namespace
    for namespace in $1; do # the number of one that is gone may be another's for a moment
        for _ in $(seq 1000); do
            held "$namespace" || continue 2
            sleep 0.02
        done
        return 1
    done
    [ ! -d /sys/class/net/nom0 ] && [ ! -d /sys/class/net/nom1 ] && [ ! -d /sys/class/net/app0 ]
    [ -z "$(ls -A "$place/tmp")" ] && [ -z "$(ls -A "$place/home")" ]
    [ "$(sqlite3 "$db" 'PRAGMA integrity_check')" = ok ]
}

column() { sqlite3 "$db" "SELECT DISTINCT $1 FROM trial"; }

profiles_well() {
    become "$1"
    measures profile --repeats 1 --delays 0,8 --loads single,many --json
    [ "$(jq -c '[.target, .accel, .network, .interrupted]' <<<"$output")" = '["hosted","none","veth",false]' ]
    profiled 6
    [ "$starved" -gt 0 ] || [ "$(jq -c '[.points[] | [.load, .delay_us, .kick]] | sort' <<<"$output")" = \
        '[["many",0,"natural"],["many",0,"strict"],["many",8,"natural"],["single",0,"natural"],["single",0,"strict"],["single",8,"natural"]]' ]
    [ "$(jq '[.points[] | .throughput_ops > 0] | all' <<<"$output")" = true ]
    # Counted within a window of ours, which a busy machine may cut to nothing.
    [ "$starved" -gt 0 ] || [ "$(sqlite3 "$db" "SELECT count(*) FROM trial WHERE gbit_out_per_s > 0")" -gt 0 ]
    [ "$(column user_namespace)" = "$2" ]
    [ "$(column target,network,accel)" = "hosted|veth|none" ]
    [ -n "$(column app_build_id)" ]
    [ -z "$(column kernel_build_id)" ]
    nothing_left ""
    [ "$(ls)" = nom.db ]
}

@test "profile --on hosted, as root" {
    profiles_well root 0
}

@test "profile --on hosted, as nobody, in a user namespace" {
    profiles_well nobody 1
    [ "$(column rps_core)" = -1 ] # only root may place the reception
}

@test "profile on floors without batching: no W, no statistics, and a ratio all the same" {
    become root
    measures "${prefix[@]}" "$place/bin/nomctl" compare nhttpd --on hosted,host --db "$db" --loads 2 --repeats 1 \
        --seconds 0.8 --warmup 0.2 --accept-noisy --json
    [ "$(sqlite3 "$db" "SELECT count(*) FROM trial WHERE status = 'ok'")" = $((2 - starved)) ]
    [ "$(jq '.ratios | length' <<<"$output")" = $((starved == 0)) ]
    [ "$(sqlite3 "$db" "SELECT group_concat(target) FROM (SELECT target FROM trial ORDER BY target)")" = host,hosted ]
    nothing_left ""
}

run_well() {
    become "$1"
    "$BUILD/tests/cli/seed" table "$place/table" nhttpd
    chmod a+r "$place/table"
    runs "${prefix[@]}" "$place/bin/nomctl" run nhttpd --on hosted --db "$db" \
        --table "$place/table" --apps 2 --utility penalty --utility simple:alpha=40,l0_us=1000000 \
        --load 2 --seconds 3 --price 1,17@1s,1.5@2s --json
    [ "$status" -eq 0 ]
    documented
    # The same price at both, and each acts by its own utility: at 17 $/Gbit only the second earns.
    [ "$(jq -c '[.phases[] | [.phase, .app_number, .price_usd_per_gbit, .serving]]' <<<"$output")" = \
        '[[0,1,1,true],[0,2,1,true],[1,1,17,false],[1,2,17,true],[2,1,1.5,true],[2,2,1.5,true]]' ]
    [ "$(jq '[.phases[] | .price_noticed_us > 0] | all' <<<"$output")" = true ]
    [ "$(jq -c '[.apps[] | [.app_number, .table.rows > 0]]' <<<"$output")" = '[[1,true],[2,true]]' ]
    [ "$(jq '(([.apps[].profit_usd] | add) - .profit_usd) | fabs < 1e-6' <<<"$output")" = true ]
    [ "$(jq -c '[.phases[] | .errors] | add' <<<"$output")" = 0 ]
    [ "$(sqlite3 "$db" 'SELECT group_concat(phase || app_number, " ") FROM phase ORDER BY trial_id')" = \
        "01 02 11 12 21 22" ]
    [ "$(sqlite3 "$db" 'SELECT count(*) FROM phase WHERE price_noticed_us > 0')" = 6 ]
    nothing_left ""
}

@test "run: two apps and priced, each by its own utility, as root" {
    run_well root
}

@test "run: two apps and priced, each by its own utility, as nobody" {
    run_well nobody
}

@test "run: a price that stays takes no time; an announced one holds when it was said to" {
    become root
    runs "${prefix[@]}" "$place/bin/nomctl" run nhttpd --on hosted --db "$db" \
        --delay 8 --load 2,1@1s --seconds 3 --price 1,2@2s --announce --json
    [ "$status" -eq 0 ]
    [ "$(jq -c '[.phases[] | [.price_usd_per_gbit, .price_noticed_us != null]]' <<<"$output")" = \
        '[[1,true],[1,false],[2,true]]' ]
    [ "$(sqlite3 "$db" 'SELECT group_concat(price_gbit_out_usd_per_gbit) FROM trial_statistics')" = 1.0,1.0,2.0 ]
}

# $1: the phases expected, as begin and price
replays() {
    rm -f "$db"
    runs "${prefix[@]}" "$place/bin/nomctl" run nhttpd --on hosted --db "$db" \
        --delay 8 --load 1 --seconds 3 --json "${@:2}"
    [ "$status" -eq 0 ]
    [ "$(jq -c '[.phases[] | [.start_s, .price_usd_per_gbit]]' <<<"$output")" = "$1" ]
    [ "$(sqlite3 "$db" 'SELECT json_group_array(price_gbit_out_usd_per_gbit) FROM trial_statistics' |
        jq -c 'map(. + 0)')" = "$(jq -c 'map(.[1])' <<<"$1")" ]
}

@test "run: recorded prices, as CSV and as EC2 has them, at a speed and a scale" {
    become root
    {
        echo "time_utc,gbit_out_per_s:usd_per_gb,cpu_s_per_s:usd_per_hour"
        echo "2024-05-01T12:00:00Z,8,1"
        echo "2024-05-01T13:00:00Z,,2" # of another use: no phase of its own
        echo "2024-05-01T14:00:00Z,20,"
        echo "2024-05-02T14:00:00Z,80," # after the end
    } >prices.csv
    replays '[[0,1],[1,2.5]]' --price prices.csv --speed 7200
    replays '[[0,10],[1,25]]' --price prices.csv --speed 7200 --scale 10 --announce
    cat >history <<'END'
{"SpotPriceHistory": [
 {"AvailabilityZone": "a", "InstanceType": "m", "ProductDescription": "L", "SpotPrice": "0.07", "Timestamp": "2024-05-01T02:00:00+00:00"},
 {"AvailabilityZone": "a", "InstanceType": "m", "ProductDescription": "L", "SpotPrice": "0.03", "Timestamp": "2024-05-01T00:00:00+00:00"}]}
END
    replays '[[0,3],[2,7]]' --price history --speed 3600 --scale 100
}

@test "run: without priced it fails in one line, and so it does where priced dies" {
    become root
    mv "$place/lib/nom/hosted/priced" "$place/priced"
    run --separate-stderr "${prefix[@]}" "$place/bin/nomctl" run nhttpd --on hosted --db "$db" \
        --delay 8 --seconds 3
    echo "$status $output $stderr"
    [ "$status" -eq 1 ]
    [[ $stderr == "nomctl: nhttpd did not start: priced is missing"* ]]
    printf '#!/bin/sh\nsleep 0.3\necho "priced: no good"\nexit 3\n' >"$place/lib/nom/hosted/priced"
    chmod 755 "$place/lib/nom/hosted/priced"
    run --separate-stderr "${prefix[@]}" "$place/bin/nomctl" run nhttpd --on hosted --db "$db" \
        --delay 8 --seconds 3
    echo "$status $output $stderr"
    [ "$status" -eq 1 ]
    [ "$stderr" = "nomctl: nhttpd did not start: priced ended with status 3; it last said: priced: no good" ]
    nothing_left ""
}

killed() {
    become "$1"
    sweep_start
    until_trials "= 'ok'" 1
    for i in 0 1 2 3; do
        before=$(trials "= 'ok'")
        sleep "0.0$((i * 25))"
        held_before=$(inside) || true
        kill -9 "$background"
        wait "$background" || true
        nothing_left "$held_before"
        [ "$(trials "= 'ok'")" -ge "$before" ]
        sweep_start
        until_trials "= 'ok'" "$((before + 1))"
    done
    for _ in $(seq 1000); do # at least the client's and the app's, in the middle of a trial
        sleep 0.01
        app=$(descendant_now "$background" nhttpd) || continue
        held_before=$(inside) || true
        [ "$(wc -l <<<"$held_before")" -ge 2 ] && break
    done
    [ "$(wc -l <<<"$held_before")" -ge 2 ]
    kill -9 "$background"
    wait "$background" || true
    nothing_left "$held_before"
    [ ! -e "/proc/$app/exe" ] # its parent may not have buried it yet
}

@test "nomctl killed, as root: nothing is left, what was finished is kept" {
    killed root
}

@test "nomctl killed, as nobody: nothing is left, what was finished is kept" {
    killed nobody
}

@test "the app killed: that trial has failed; the sweep goes on" {
    become root
    sweep_start
    until_trials "= 'ok'" 1
    local was_killed="= 'failed' AND error LIKE 'nhttpd was killed by signal 9%'"
    for _ in $(seq 10); do # it may have just been done with its work
        kill_descendant "$background" nhttpd || continue
        good=$(trials "= 'ok'")
        until_trials "= 'ok'" "$((good + 1))"
        [ "$(trials "$was_killed")" = 0 ] || break
    done
    [ "$(trials "$was_killed")" -ge 1 ]
    kill -INT "$background"
    status=0
    wait "$background" || status=$?
    [ "$status" -eq 130 ]
    nothing_left ""
}

@test "without namespaces to be had, one line says what is missing" {
    become root
    unshare -Ur true 2>/dev/null || skip "no user namespaces here"
    # In a user namespace that allows no further ones, with no right in it.
    run --separate-stderr unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_user_namespaces
        exec setpriv --bounding-set=-all --inh-caps=-all "$@"' sh "$place/bin/nomctl" profile nhttpd \
        --on hosted --db "$db" --delays 0 --loads 2
    echo "$status $output $stderr"
    [ "$status" -ne 0 ]
    [[ $stderr == "nomctl: "*user.max_user_namespaces* ]]
    [ "${#stderr_lines[@]}" -eq 1 ]
}
