#!/usr/bin/env bats
# The command line with real guests: measure, store, draw, choose, adapt, deploy. NOM_TEST_ACCEL: tcg
# (default) or kvm. Nothing here depends on how fast the machine is.
load ../cli/lib.bash
setup() {
    cli_setup
    accel=${NOM_TEST_ACCEL:-tcg}
}
teardown() { [ -z "${run_pid:-}" ] || kill -9 "$run_pid" 2>/dev/null || true; }

json() { jq -c "$1" <<<"$output"; }

profile() {
    nomctl profile nhttpd --db "$db" --accel "$accel" --accept-noisy --seconds 0.5 --warmup 0.1 \
        --repeats 1 "$@"
}
# Every trial good: again, up to three times, where a busy machine let none be made.
profiles() {
    for _ in 1 2 3; do
        rm -f "$db"
        measures profile "$@"
        [ "$starved" -gt 0 ] || return 0
    done
    skip "the machine was too busy to measure each of them"
}

@test "profile: every point measured and stored; then report, table, choose" {
    profiles --delays 0,8 --loads 4 --seed 5 --json
    documented
    [ "$(json '[.session, .app, .target, .accel, .client, .seed, .trials, .failed, .interrupted]')" = \
        "[1,\"nhttpd\",\"nom\",\"$accel\",\"nom\",5,3,0,false]" ]
    [ "$(json '[.points[] | [.load, .connections, .delay_us, .kick, .repeats, (.run_ids | length)]]')" = \
        '[["4",4,0,"natural",1,1],["4",4,8,"natural",1,1],["4",4,0,"strict",1,1]]' ]
    [ "$(json '[.points[] | .throughput_ops > 0 and .latency_mean_us > 0 and .latency_p50_us <= .latency_p99_us
        and .jitter_us > 0 and .gbit_out_per_s > 0 and .useful_gbit_per_s > 0] | all')" = true ]
    [ "$(json '[.points[] | .on_frontier] | any')" = true ]
    [ "$(json '[.points[].run_ids[]] | sort')" = '[1,2,3]' ]
    gives nomctl table nhttpd --db "$db" -o t
    gives nomctl choose --table t --load 4 --price 0
    gives nomctl report nhttpd --db "$db" -o r
    [ -s r/index.html ]
}

@test "profile: wrk as the client" {
    profiles --delays 8 --loads 4 --client wrk --json
    [ "$(json '[.client, .failed, (.points | length), (.points[0].throughput_ops > 0)]')" = '["wrk",0,1,true]' ]
}

@test "profile: QEMU's user network" {
    profiles --delays 8 --loads 2 --network user --json
    [ "$(json '[.network, .failed, (.points | length), (.points[0].throughput_ops > 0)]')" = '["user",0,1,true]' ]
}

polled_works() {
    [ "$(id -u)" = 0 ] || skip "needs root, for a tap"
    [ "$(nproc)" -ge 2 ] || skip "needs a core beside the guest's"
    [ "$(nomctl doctor --json | jq '[.accelerators[] | select(.accel == "kvm" and .works)] | length')" = 1 ] || skip "KVM does not start"
    accel=kvm
}

# The port that polls asks for no doorbell; the first frames may come before it has said so.
@test "profile: the guest's rings polled" {
    polled_works
    profiles --delays 0 --loads 4 --network polled --json
    [ "$(json '[.network, .failed, (.points | length), (.points[0].throughput_ops > 0)]')" = '["polled",0,2,true]' ]
    [ "$(sqlite3 "$db" "SELECT DISTINCT network, spinner FROM trial")" = 'polled|1' ]
    [ "$(sqlite3 "$db" "SELECT count(*) FROM trial_statistics")" -eq 2 ]
    [ "$(sqlite3 "$db" "SELECT count(*) FROM trial_statistics WHERE kicks > 4")" -eq 0 ]
}

@test "run: two apps whose rings are polled, and priced; they sleep and are woken" {
    polled_works
    runs nomctl run nhttpd --db "$db" --accel kvm --network polled --apps 2 --delay 0 --load 2 --seconds 2 \
        --poll-us 0 --json
    [ "$status" -eq 0 ]
    [ "$(json '[.network, (.apps | length)]')" = '["polled",2]' ]
    [ "$(sqlite3 "$db" "SELECT count(*) FROM trial_statistics WHERE sleeps > 0")" -gt 0 ]
}

@test "profile: rings are not polled under TCG, where QEMU would crash" {
    [ "$(id -u)" = 0 ] || skip "needs root, for a tap"
    fails 1 "network polled needs kvm" nomctl run nhttpd --db "$db" --accel tcg --network polled --delay 0 --seconds 1
}

@test "profile: a guest that ends before it is ready is a failed trial, with its console" {
    mkdir guest
    cp "$BUILD"/lib/nom/*.elf guest
    (cd guest && echo selfcheck | cpio --quiet -o -H newc >initrd.cpio 2>/dev/null || true)
    mkdir files && cp "$BUILD/lib/nom/selfcheck.elf" files/selfcheck
    (cd files && echo selfcheck | cpio --quiet -o -H newc >../guest/initrd.cpio)
    NOM_HOME=$PWD/guest run --separate-stderr profile --delays 8 --loads 2
    echo "$stderr"
    [ "$status" -eq 1 ]
    [[ ${stderr_lines[0]} == "nomctl: run 1 failed (load 2, W = 8 us): "* ]]
    [ "$(sqlite3 "$db" "SELECT count(*) FROM trial_log WHERE serial_log LIKE '%nom%'")" -eq 1 ]
    [ "$(sqlite3 "$db" "SELECT status FROM trial")" = failed ]
}

# The seeded table (tests/cli/seed.c) says: at 32 connections W = 8, at 1 W = 0, at 17 $/Gbit nothing.
@test "run: W follows the load, and the price" {
    seed table t nhttpd
    runs nomctl run nhttpd --db "$db" --accel "$accel" --table t --seconds 6 --json \
        --load many,single@2s --price 1,17@4s
    [ "$status" -eq 0 ]
    documented
    [ "$(json '[.phases[] | [.phase, .start_s, .load, .price_usd_per_gbit, .serving]]')" = \
        '[[0,0,"many",1,true],[1,2,"single",1,true],[2,4,"single",17,false]]' ]
    [ "$(json '[.phases[0:2][] | [.delay_us, .kick]]')" = '[[8,"natural"],[0,"natural"]]' ]
    [ "$(json '[.phases[] | .errors] | add')" = 0 ]
    [ "$(json '[.phases[0, 1] | .refused] | add')" = 0 ]
    [ "$(json '.phases[2] | .refused > 0 and .profit_usd_per_s < 0')" = true ]
    [ "$(json '[.table.from, .table.session, .utility.alpha_usd_per_gbit]')" = '["t",1,20]' ]
    # profit, by hand from the phase's own figures
    [ "$(json '([.phases[] | .profit_usd_per_s * .seconds] | add) as $sum | ($sum - .profit_usd) | fabs < 1e-6')" = true ]
    [ "$(json '.phases[2] | (.useful_gbit_per_s * 20 - .gbit_out_per_s * 17 - .profit_usd_per_s) as $d | .replies == 0 or $d >= -1e-6')" = true ]
    # stored
    [ "$(sqlite3 "$db" 'SELECT group_concat(delay_us || " " || price_usd_per_gbit, ", ")
        FROM phase JOIN trial ON trial.id = trial_id')" != "" ]
    [ "$(sqlite3 "$db" 'SELECT count(*) FROM phase')" -eq 3 ]
}

@test "run: W fixed, and a table from the database" {
    run --separate-stderr nomctl run nhttpd --db "$db" --accel "$accel"
    [ "$status" -eq 1 ]
    [ "$stderr" = "nomctl: the database has no profile of nhttpd on nom under $accel yet: run: nomctl profile nhttpd --on nom --accel $accel" ]
    runs nomctl run nhttpd --db "$db" --accel "$accel" --delay 0 --kick strict --seconds 0.5 --json
    [ "$status" -eq 0 ]
    [ "$(json '[.table, (.phases[] | .delay_us, .kick, .errors, .refused)]')" = '[null,0,"strict",0,0]' ]
    seed profile "$db" "$accel"
    runs nomctl run nhttpd --db "$db" --accel "$accel" --seconds 1 --json
    [ "$status" -eq 0 ]
    [ "$(json '[.table.from, .phases[0].delay_us]')" = '["database",8]' ]
}

# Starts a run of so many seconds at 32 connections in the background; waits until it serves.
# $deploy: how it says to reach it.
run_start() {
    : >err
    "$BUILD/bin/nomctl" run nhttpd --db "$db" --accel "$accel" --table t --seconds "$1" --json \
        >out 2>err 3>&- &
    run_pid=$!
    for _ in $(seq 1000); do
        kill -0 "$run_pid" || break
        grep -q '^nomctl: serving' err && break
        sleep 0.02
    done
    deploy=$(sed -n 's/^nomctl: serving; for another table: nomctl deploy FILE //p' err)
    cat err
    [ -n "$deploy" ]
}

# Deploys into a run that still goes on then: what measures goes before this shell, which may get to it late.
deploys() { # TABLE ARG...
    local seconds
    for seconds in 5 20 80; do
        run_start "$seconds"
        sleep 1
        # shellcheck disable=SC2086 # options
        run --separate-stderr nomctl deploy "$@" $deploy
        echo "exit code $status; stdout: $output; stderr: $stderr"
        kill -0 "$run_pid" 2>/dev/null && break
        wait "$run_pid" || grep -q 'the app gave no reply' err || {
            cat err
            return 1
        }
    done
}

@test "deploy into a running app changes W, and no request fails" {
    seed table t nhttpd
    seed profile "$db" kvm
    gives nomctl table nhttpd --db "$db" --utility penalty:l0_us=230 -o latency # chooses W = 0 there
    deploys latency --json
    [ "$status" -eq 0 ]
    [ -z "$stderr" ]
    documented
    [ "$(json .in_force.adapting)" = true ]
    wait "$run_pid"
    output=$(cat out)
    echo "$output"
    [ "$(json '.phases[0] | [.delay_us, .kick, .serving, .errors, .refused]')" = '[0,"natural",true,0,0]' ]
    [ "$(json '.phases[0].table_built_unix_s')" = "$(nomctl table show latency --json | jq .table.built_unix_s)" ]
    # a table of another app is refused and changes nothing
    seed table other memcached
    deploys other
    [ "$status" -eq 1 ]
    [ "${#stderr_lines[@]}" -eq 1 ]
    wait "$run_pid"
    output=$(cat out)
    [ "$(json '.phases[0] | [.delay_us, .errors, .refused]')" = '[8,0,0]' ]
}

@test "run: killed, it leaves no guest and no namespace; interrupted, it keeps whole phases" {
    seed table t nhttpd
    run_start 60
    measuring=${deploy##*/proc/}
    guest=$(pgrep -P "${measuring%%/*}" -f qemu-system)
    netns=$(readlink "/proc/$guest/ns/net")
    exec 9<"/proc/$guest/ns/net" # its number is not another's meanwhile
    kill -9 "$run_pid"
    wait "$run_pid" || true
    for _ in $(seq 1000); do
        [ -e "/proc/$guest/exe" ] || break
        sleep 0.02
    done
    [ ! -e "/proc/$guest/exe" ]
    for pid in /proc/[0-9]*; do
        [ "$(readlink "$pid/ns/net")" != "$netns" ] || [ "$netns" = "$(readlink /proc/self/ns/net)" ]
    done
    exec 9<&-
    env --default-signal=INT "$BUILD/bin/nomctl" run nhttpd --db "$db" --accel "$accel" --table t \
        --seconds 60 --price 1,2@0.5s --json >out 2>err 3>&- &
    run_pid=$!
    for _ in $(seq 1000); do
        [ "$(sqlite3 "$db" 'SELECT count(*) FROM phase' 2>/dev/null)" = 1 ] && break
        sleep 0.05
    done
    kill -INT "$run_pid"
    status=0
    wait "$run_pid" || status=$?
    [ "$status" -eq 130 ]
    output=$(cat out)
    [ "$(json '[.interrupted, (.phases | length)]')" = '[true,1]' ]
}
