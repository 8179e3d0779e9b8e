#!/usr/bin/env bats
# Kills the parts of a sweep at any moment, without warning: no process, namespace, tap or temporary
# file stays, what was finished is in the database, and the next command works. Real guests, except
# where a guest must misbehave. NOM_TEST_ACCEL: tcg (default) or kvm.
# shellcheck disable=SC2154,SC2016 # db: of lib.bash; $runs is for the fake to expand
load ../cli/lib.bash
setup() {
    cli_setup
    accel=${NOM_TEST_ACCEL:-tcg}
    export TMPDIR=$BATS_TEST_TMPDIR/tmp
    mkdir "$TMPDIR"
    mark=nom-kill-$$-$BATS_TEST_NUMBER
}
teardown() { [ -z "${sweep_pid:-}" ] || kill -9 "$sweep_pid" 2>/dev/null || true; }

# A sweep under way, of trials of so many seconds, its processes marked by their environment.
sweep_start() {
    env NOM_MARK="$mark" "$BUILD/bin/nomctl" profile nhttpd --db "$db" --accel "$accel" \
        --delays 0,4,8 --loads 2 --repeats 50 --seconds "${1:-0.2}" --warmup 0.1 --accept-noisy \
        >out 2>err 3>&- &
    sweep_pid=$!
}

# Pids of what the sweep started, itself included.
ours() { grep -lzsx "NOM_MARK=$mark" /proc/[0-9]*/environ | cut -d/ -f3; }

trials() { sqlite3 "$db" "SELECT count(*) FROM trial WHERE status $1" 2>/dev/null || echo 0; }

# Waits until the database holds so many trials of that status.
until_trials() {
    for _ in $(seq 2000); do
        [ "$(trials "$1")" -ge "$2" ] && return 0
        kill -0 "$sweep_pid" 2>/dev/null || break
        sleep 0.01
    done
    cat out err
    return 1
}

# Kills a process of that name, which may have just been done with its work, until a trial has failed with
# that error; others a busy machine may starve. Another trial is good after each.
kill_one() { # NAME ERROR
    local failed="= 'failed' AND error LIKE '$2'" good
    for _ in {1..60}; do
        kill_descendant "$sweep_pid" "$1" || continue
        good=$(trials "= 'ok'")
        until_trials "= 'ok'" "$((good + 1))"
        [ "$(trials "$failed")" -ge 1 ] && break
    done
    until_trials "$failed" 1
}

nothing_left() {
    for _ in $(seq 500); do
        [ -z "$(ours)" ] && break
        sleep 0.02
    done
    [ -z "$(ours)" ]
    [ ! -d /sys/class/net/nom0 ]
    [ -z "$(ls -A "$TMPDIR")" ]
    [ "$(sqlite3 "$db" 'PRAGMA integrity_check')" = ok ]
}

# Nobody is in that namespace any more; the number of one that is gone may be another's for a while.
left() { # NAMESPACE
    for _ in $(seq 1000); do
        readlink /proc/[0-9]*/ns/net 2>/dev/null | grep -qxF "$1" || return 0
        sleep 0.02
    done
    return 1
}

@test "nomctl killed at ten moments: nothing is left, what was finished is kept" {
    # A run for its trials; then ten that are killed, each a little later in a trial.
    sweep_start
    until_trials "= 'ok'" 1
    for i in 0 1 2 3 4 5 6 7 8 9; do
        before=$(trials "= 'ok'")
        sleep "0.0$((i * 7))"
        inside=$(for pid in $(ours); do readlink "/proc/$pid/ns/net"; done | sort -u)
        kill -9 "$sweep_pid"
        wait "$sweep_pid" || true
        nothing_left
        [ "$(trials "= 'ok'")" -ge "$before" ]
        # of the namespaces they were in, only ours is left
        for ns in $inside; do
            [ "$ns" = "$(readlink /proc/self/ns/net)" ] || left "$ns"
        done
        sweep_start
        until_trials "= 'ok'" "$((before + 1))"
    done
    kill -9 "$sweep_pid"
    wait "$sweep_pid" || true
    measures nomctl profile nhttpd --db "$db" --accel "$accel" --delays 4 --loads 2 --repeats 2 --seconds 0.5 \
        --accept-noisy
}

@test "the process that measures is killed: nomctl says so, nothing is left" {
    sweep_start
    until_trials "= 'ok'" 1
    measuring=$(pgrep -P "$sweep_pid")
    kill -9 "$measuring"
    status=0
    wait "$sweep_pid" || status=$?
    [ "$status" -eq 137 ]
    nothing_left
}

@test "QEMU killed: that trial has failed, with its console; the sweep goes on" {
    sweep_start
    until_trials "= 'ok'" 1
    kill_one qemu-system 'QEMU was killed by signal 9%'
    kill -INT "$sweep_pid"
    status=0
    wait "$sweep_pid" || status=$?
    nothing_left
}

@test "the client killed: that trial has failed; the sweep goes on" {
    sweep_start 1
    until_trials "= 'ok'" 1
    kill_one nom-load 'the load failed: %'
    kill -9 "$sweep_pid"
    wait "$sweep_pid" || true
    nothing_left
}

@test "a guest that stops talking, dies at boot, or panics: failed trials with their console" {
    fake_qemu 'echo "fake: booting"; [ "$runs" = 1 ] && exit 127; [ "$runs" = 2 ] && exit 123; exec sleep 60'
    env NOM_MARK="$mark" "$BUILD/bin/nomctl" profile nhttpd --db "$db" --accel tcg --network user \
        --delays 4 --loads 2 --repeats 3 --seconds 0.2 --warmup 0.1 >out 2>err 3>&- &
    sweep_pid=$!
    until_trials "= 'failed'" 2
    errors=$(sqlite3 "$db" "SELECT error FROM trial ORDER BY id LIMIT 2")
    [[ $errors == "the kernel panicked; it last said: fake: booting"*"for an exception"* ]]
    [ "$(sqlite3 "$db" "SELECT count(*) FROM trial_log WHERE serial_log LIKE 'fake: booting%'")" -eq 2 ]
    kill -INT "$sweep_pid" # while the third says nothing more
    status=0
    wait "$sweep_pid" || status=$?
    nothing_left
}
