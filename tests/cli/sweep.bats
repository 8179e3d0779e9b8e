#!/usr/bin/env bats
# The loop of a profile, with a program in QEMU's place that fails as told.
load lib.bash
setup() { cli_setup; }

profile() {
    nomctl profile nhttpd --db "$db" --accel tcg --network user --delays 0,4 --loads 2 "$@"
}
sql() { sqlite3 "$db" "$1"; }

@test "sweep: after five failures and nothing good it stops" {
    fake_qemu 'echo "fake: last words"; exit 9'
    run --separate-stderr profile --repeats 3
    echo "$stderr"
    [ "$status" -eq 1 ]
    [ -z "$output" ]
    [[ $stderr == *"nomctl: the first 5 trials all failed, the last: "* ]]
    [ "$(wc -l <runs)" -eq 5 ]
}

@test "sweep: failed trials are kept, with the console, and the sweep goes on" {
    fake_qemu 'echo "fake: last words $runs"; exit 9'
    run --separate-stderr profile --repeats 1 --json
    echo "$stderr"
    [ "$status" -eq 1 ]
    [ -z "$output" ]
    [ "$(wc -l <runs)" -eq 3 ] # W = 0 natural, W = 0 strict, W = 4
    [[ ${stderr_lines[0]} == "nomctl: run 1 failed (load 2, W = "*"fake: last words 1"* ]]
    [[ ${stderr_lines[2]} == "nomctl: run 3 failed "* ]]
    [[ ${stderr_lines[3]} == "nomctl: every trial failed, the last: "* ]]
    [ "${#stderr_lines[@]}" -eq 4 ]
    dump=$(sql .dump)
    for n in 1 2 3; do [[ $dump == *"fake: last words $n"* ]]; done
}

@test "sweep: the order comes from the seed, and each round has its own" {
    fake_qemu 'echo "$arguments" >>"$(dirname "$0")/../order"; exit 9'
    order() {
        rm -f order "$db"
        profile --repeats 1 --delays 0:12:4 --seed "$1" 2>/dev/null || true
        cat order
    }
    first=$(order 1)
    [ "$(wc -l <<<"$first")" -eq 5 ]
    [ "$(sort <<<"$first" | uniq | wc -l)" -eq 5 ]
    [ "$(order 1)" = "$first" ]
    different=0
    for seed in 2 3 4 5; do [ "$(order "$seed")" = "$first" ] || different=1; done
    [ "$different" -eq 1 ]
}

@test "sweep: Ctrl-C keeps what there is and ends with 130" {
    fake_qemu '[ "$runs" -lt 3 ] && exit 9; exec sleep 30'
    for signal in INT TERM; do
        rm -f runs "$db"
        touch runs
        # A shell in the background ignores SIGINT, and so would its children.
        env --default-signal=INT "$BUILD/bin/nomctl" profile nhttpd --db "$db" --accel tcg \
            --network user --delays 0,4 --loads 2 --repeats 2 >out 2>err 3>&- &
        pid=$!
        until [ "$(wc -l <runs)" -ge 3 ]; do sleep 0.02; done
        kill -s "$signal" "$pid"
        status=0
        wait "$pid" || status=$?
        cat out err
        [ "$status" -eq 130 ]
        grep -q "^nomctl: interrupted: 2 trials are kept" err
        grep -q "^session 1: 2 trials, 0 good, 0 noisy, 2 failed" out
        [ "$(sql 'PRAGMA integrity_check')" = ok ]
    done
}

@test "sweep: killed, it leaves no process and keeps each finished trial" {
    fake_qemu 'echo $$ >"$(dirname "$0")/../pid"; [ "$runs" -lt 3 ] && exit 9; exec sleep 30'
    "$BUILD/bin/nomctl" profile nhttpd --db "$db" --accel tcg --network user --delays 0,4 \
        --loads 2 --repeats 2 >out 2>err 3>&- &
    pid=$!
    until [ "$(wc -l <runs)" -ge 3 ]; do sleep 0.02; done
    kill -9 "$pid"
    wait "$pid" || true
    guest=$(cat pid)
    for _ in $(seq 100); do
        [ -e "/proc/$guest/exe" ] || break
        sleep 0.02
    done
    [ ! -e "/proc/$guest/exe" ]
    fails 2 "the database has no session 2" nomctl table nhttpd --db "$db" --session 2 -o t
    fails 1 "session 1 has no good trial" nomctl table nhttpd --db "$db" --session 1 -o t
    [ "$(sql 'SELECT count(*) FROM trial')" -eq 2 ]
}

@test "sweep: nothing is drawn where stderr is no terminal" {
    fake_qemu 'exit 9'
    TERM=xterm run --separate-stderr profile --repeats 1
    [[ $stderr != *$'\r'* && $stderr != *$'\e'* ]]
}

@test "sweep: a terminal gets a line with progress; a dumb one does not" {
    fake_qemu 'exit 9'
    cmd="$BUILD/bin/nomctl profile nhttpd --db $db --accel tcg --network user --delays 0,4 --loads 2 --repeats 1"
    TERM=xterm script -qec "$cmd" /dev/null >out </dev/null || true
    grep -q '\[\.*\] 0/3, load 2, W = ' out
    grep -q '\[####*\.*\] 1/3, [0-9]*:[0-9][0-9] left, load 2' out
    TERM=dumb script -qec "$cmd" /dev/null >out </dev/null || true
    ! grep -q '\[\.*\] 0/3' out
}
