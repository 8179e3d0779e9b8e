#!/usr/bin/env bats
# nomctl compare: lines that are refused before anything is measured, and comparisons of processes.
load lib.bash
setup() { cli_setup; }

compare() { nomctl compare nhttpd --db "$db" "$@"; }
sql() { sqlite3 "$db" "$1"; }
quick=(--loads "single,4" --repeats 2 --seconds 0.3 --warmup 0.05 --accept-noisy)

# Skips where the app cannot be run as a process of this machine.
needs_processes() {
    run --separate-stderr nomctl doctor --json
    [ "$(jq '[.floors[] | select((.name == "hosted" or .name == "host") and .works)] | length' <<<"$output")" -eq 2 ] ||
        skip "hosted and host do not both work here"
}

# What the good trials of hosted and host make: how many at each floor and load, and in how many repeats
# both are good, as JSON.
levels() {
    sql "SELECT json_group_array(json_array(target, load, connections, network, iif(target = 'hosted', 4, NULL), n)) FROM
        (SELECT *, count(*) AS n FROM trial WHERE status = 'ok' GROUP BY connections, target
            ORDER BY connections, target DESC)"
}
pairs() {
    sql "SELECT json_group_array(json_array(load, 'hosted', 'host', n)) FROM
        (SELECT load, connections, count(*) AS n FROM
            (SELECT * FROM trial WHERE status = 'ok' GROUP BY connections, repeat HAVING count(*) = 2)
            GROUP BY connections ORDER BY connections)"
}

@test "compare: floors as typed" {
    fails 2 "compare: missing --on A,B" compare
    fails 2 "--on: nom alone: give two floors or more, as in nom,linux" compare --on nom
    fails 2 "--on: unknown floor 'lnux': did you mean 'linux'?" compare --on nom,lnux
    fails 2 "--on: unknown floor 'xyzzy': known are nom, hosted, host, linux, osv" compare --on nom,xyzzy
    fails 2 "--on: unknown floor 'auto'" compare --on auto,host
    fails 2 "--on: unknown floor ''" compare --on nom,
    fails 2 "--on: unknown floor ''" compare --on ""
    fails 2 "--on: unknown floor 'nom linux'" compare --on "nom linux"
    fails 2 "--on: host is given twice" compare --on host,nom,host
    fails 2 "unknown option '--ono'" compare --ono nom,host
    [ ! -e "$db" ]
}

@test "compare: values and options that none of the floors takes" {
    fails 2 "--delay: none of these floors has a batching delay" compare --on host,linux --delay 4
    fails 2 "--delay: 1001 is not between 0 and 1000" compare --on nom,host --delay 1001
    fails 2 "--delay: 'x' is not a number" compare --on nom,host --delay x
    fails 2 "--accel: none of these floors is a guest" compare --on hosted,host --accel tcg
    fails 2 "--network: none of these floors is a guest" compare --on hosted,host --network user
    fails 2 "--rps-core: all of these floors are guests" compare --on nom,linux --rps-core 0
    fails 2 "--rps-core: 'x' is neither a core, none nor auto" compare --on nom,host --rps-core x
    fails 2 "--repeats: 0 is not between 1 and 64" compare --on nom,host --repeats 0
    fails 2 "loads: single and 1 are the same load" compare --on nom,host --loads single,1
    fails 2 "--seconds: 'x' is not a number" compare --on nom,host --seconds x
    fails 2 "compare: unexpected argument 'x'" compare x --on nom,host
    [ ! -e "$db" ]
}

@test "compare: files of osv" {
    fails 2 "--image: nowhere: No such file or directory" compare --on nom,osv --image nowhere
    fails 2 "--kernel: nowhere: No such file or directory" compare --on nom,osv --kernel nowhere
    touch file
    fails 2 "--image is of osv, which is not among these floors" compare --on nom,host --image file
    fails 2 "--kernel is of osv, which is not among these floors" compare --on nom,host --kernel file
    [ ! -e "$db" ]
}

@test "compare: a floor that does not work here is refused before anything is measured" {
    fake_qemu "exit 1"
    fails 3 "osv: no image" compare --on nom,osv
    fails 3 "host: " compare --on nom,host # no such form in NOM_HOME
    rm fake/qemu-system-x86_64
    [ ! -s runs ]
    [ "$(sql 'SELECT count(*) FROM session')" -eq 0 ]
}

@test "compare: every floor and load in each repeat, ratios of what was stored" {
    needs_processes
    measures compare --on hosted,host "${quick[@]}" --delay 4 --json
    documented
    [ "$(jq -c '[.session, .app, .accel, .repeats, .trials, .failed, .interrupted, .notes]' <<<"$output")" = \
        '[1,"nhttpd","none",2,8,'"$starved"',false,[]]' ]
    [ "$(jq -c '[.floors[] | [.floor, .load, .connections, .network, .delay_us, .repeats]]' <<<"$output")" = "$(levels)" ]
    [ "$(jq -c '[.ratios[] | [.load, .a, .b, .repeats]]' <<<"$output")" = "$(pairs)" ]
    [ "$starved" -gt 0 ] || [ "$(pairs)" = '[["single","hosted","host",2],["4","hosted","host",2]]' ]
    # Over 1: a is better. The medians' ratio lies between those of the repeats. It is that of the medians
    # shown where both are of the same repeats.
    jq -e 'def near($x; $y): ($x / $y - 1) | fabs < 1e-6;
        . as $all | all(.ratios[]; . as $r |
            ($all.floors[] | select(.floor == $r.a and .load == $r.load)) as $a |
            ($all.floors[] | select(.floor == $r.b and .load == $r.load)) as $b |
            ($a.repeats != $r.repeats or $b.repeats != $r.repeats or (
                near(.throughput; $a.throughput_ops / $b.throughput_ops) and
                near(.latency; $b.latency_mean_us / $a.latency_mean_us) and
                near(.jitter; $b.jitter_us / $a.jitter_us))) and
            .low <= .throughput * 1.000001 and .throughput <= .high * 1.000001 and
            .latency_low <= .latency * 1.000001 and .latency <= .latency_high * 1.000001)' <<<"$output"
    [ "$(sql "SELECT command, target, accel FROM session")" = 'compare|hosted,host|none' ]
    # Each repeat, in the order measured, has every load on every floor once.
    for repeat in 0 1; do
        [ "$(sql "SELECT count(DISTINCT target || load) FROM trial WHERE repeat = $repeat AND place_in_order / 4 = $repeat")" -eq 4 ]
    done
    [ "$(sql "SELECT DISTINCT target, delay_us FROM trial ORDER BY target")" = $'host|0.0\nhosted|4.0' ]
    [ "$(sql "SELECT DISTINCT app, target, load, connections FROM trial ORDER BY connections, target")" = \
        $'nhttpd|host|single|1\nnhttpd|hosted|single|1\nnhttpd|host|4|4\nnhttpd|hosted|4|4' ]
}

@test "compare: text for a person, and nothing drawn in a pipe" {
    needs_processes
    TERM=xterm measures compare --on hosted,host "${quick[@]}" --rps-core none
    [[ ${lines[0]} == "nhttpd, 2 repeats of 0.3 s, client nom, seed "* ]]
    [ "${lines[1]}" = "HTTP, requests for /" ]
    [[ $output == *"  hosted   process, network veth, W = 0 us natural"* ]]
    [[ $output == *"load single (1 connection)"*"load 4 (4 connections)"* ]]
    [ "$(sed -nE 's/^  hosted : host +[0-9.]+ \([0-9.]+-[0-9.]+\) .* ([0-9]+)$/\1/p' <<<"$output" | paste -sd ' ')" = \
        "$(jq -r 'map(.[3]) | join(" ")' <<<"$(pairs)")" ]
    [[ $output == *"over 1 says that a is better"* ]]
    [[ $output == *"session 1: 8 trials, $((8 - starved)) good, 0 noisy, $starved failed" ]]
    [ "$(sql 'SELECT DISTINCT rps_core FROM trial')" = -1 ]
}

@test "compare: one seed, one order" {
    needs_processes
    compare --on hosted,host "${quick[@]}" --seed 5 --json >first
    compare --on hosted,host "${quick[@]}" --seed 5 --json >second
    [ "$(jq .seed first)" = 5 ]
    order() { sql "SELECT target, load FROM trial WHERE session_id = $1 ORDER BY place_in_order"; }
    [ "$(order 1)" = "$(order 2)" ]
    [ "$(order 1 | wc -l)" -eq 8 ]
}

@test "compare: Ctrl-C keeps what there is, and ratios of what is complete" {
    needs_processes
    for signal in INT TERM; do
        rm -f "$db"*
        # A shell in the background ignores SIGINT, and so would its children.
        env --default-signal=INT "$BUILD/bin/nomctl" compare nhttpd --db "$db" --on hosted,host \
            --loads 2 --repeats 64 --seconds 0.2 --warmup 0 --accept-noisy --json >out 2>err 3>&- &
        pid=$!
        # One repeat whole, and the next begun.
        until [ "$(sql 'SELECT count(*) FROM trial' 2>/dev/null || echo 0)" -ge 3 ] && [ "$(pairs)" != '[]' ]; do
            sleep 0.05
        done
        kill -s "$signal" "$pid"
        status=0
        wait "$pid" || status=$?
        cat err
        [ "$status" -eq 130 ]
        kept=$(sql 'SELECT count(*) FROM trial')
        [ "$kept" -ge 3 ] && [ "$kept" -lt 128 ]
        grep -q "^nomctl: interrupted: $kept trials are kept" err
        [ "$(jq -c '[.interrupted, .trials]' out)" = "[true,$kept]" ]
        [ "$(jq -c '[.ratios[] | [.load, .a, .b, .repeats]]' out)" = "$(pairs)" ]
        [ "$(sql 'PRAGMA integrity_check')" = ok ]
    done
}
