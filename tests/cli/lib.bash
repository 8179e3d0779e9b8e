# For tests of the command line: each runs in a folder of its own, with its own database.
#
#   nomctl ARG...             the program built; database commands get --db "$db" from with_db
#   fails CODE TEXT COMMAND...  it ends with CODE, prints nothing on stdout, and one line on stderr
#                               that holds TEXT
#   gives COMMAND...            it ends with 0 and says nothing on stderr; output in $output
#   measures COMMAND...         likewise of what measures: a busy machine may have starved trials of its,
#                               and it says which: $starved of them
bats_require_minimum_version 1.5.0
BUILD=${BUILD:-build}
case $BUILD in
/*) ;;
*) BUILD=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)/$BUILD ;;
esac

cli_setup() {
    cd "$BATS_TEST_TMPDIR" || return
    export TERM=dumb HOME=$BATS_TEST_TMPDIR/home
    unset XDG_DATA_HOME NOM_HOME
    db=$BATS_TEST_TMPDIR/nom.db
}

nomctl() { "$BUILD/bin/nomctl" "$@"; }
seed() { "$BUILD/tests/cli/seed" "$@"; }

fails() {
    local code=$1 text=$2
    shift 2
    run --separate-stderr "$@"
    echo "exit code $status, expected $code; stdout: $output; stderr: $stderr"
    [ "$status" -eq "$code" ]
    [ -z "$output" ]
    [ "${#stderr_lines[@]}" -eq 1 ]
    [[ $stderr == "nomctl: "*"$text"* ]]
}

gives() {
    run --separate-stderr "$@"
    echo "exit code $status; stdout: $output; stderr: $stderr"
    [ "$status" -eq 0 ]
    [ -z "$stderr" ]
}

# What nomctl says of a trial in which a busy machine let client or app do nothing.
starved_text='(the app gave no reply|the load failed: (NPtcp did not end in time|no reply from [0-9.]+ port [0-9]+ for [0-9.]+ s: timed out))'

# What is left of $stderr, in $said, without what is said of trials in which a busy machine let client or
# app do nothing; $starved: how many. Those have failed, and are stored as such: what is expected of all
# trials is expected of the others.
without_starved() {
    local run="^nomctl: run [0-9]+ failed \(.*\): $starved_text\$"
    starved=$(grep -cE "$run" <<<"$stderr") || true
    said=$(grep -vE "$run" <<<"$stderr") || true
    [ "$starved" -eq 0 ] ||
        said=$(grep -vE "^nomctl: ([0-9]+ of [0-9]+ .* have no good trial and are missing|every trial failed, the last: $starved_text)\$" \
            <<<"$said") || true
}

measures() {
    run --separate-stderr "$@"
    without_starved
    echo "exit code $status; stdout: $output; stderr: $stderr; starved: $starved"
    [ -z "$said" ]
    [[ $status -ne 1 || $stderr != *"nomctl: every trial failed"* ]] || skip "the machine was too busy to measure anything"
    [ "$status" -eq 0 ]
}

# A run, of which every phase is to be measured: up to three times, from the same database, while a
# phase fails for what a busy machine does.
runs() {
    local tries=3 before=$BATS_TEST_TMPDIR/before
    rm -f "$before"
    [ ! -e "$db" ] || cp -p "$db" "$before"
    while :; do
        run --separate-stderr "$@"
        echo "exit code $status; stdout: $output; stderr: $stderr"
        [ $((tries -= 1)) -gt 0 ] || break
        grep -qE "^nomctl: phase [0-9]+ failed: $starved_text\$" <<<"$stderr" || break
        rm -f "$db"
        [ ! -e "$before" ] || cp -p "$before" "$db"
    done
}

# A profile's JSON document in $output, of one repeat: so many trials, all but the starved good, and the
# points of those.
profiled() { # TRIALS
    local good
    good=$(sqlite3 "$db" "SELECT json_group_array(json_array(load, delay_us, kick)) FROM
        (SELECT load, delay_us, iif(kick = 1, 'strict', 'natural') AS kick FROM trial WHERE status = 'ok')")
    [ "$(jq -c '[.trials, .failed]' <<<"$output")" = "[$1,$starved]" ]
    [ "$(jq -c '[.points[] | [.load, .delay_us, .kick]] | sort' <<<"$output")" = "$(jq -c 'map(.[1] += 0) | sort' <<<"$good")" ]
}

# kill_descendant PID NAME: kills a descendant of a process by the beginning of its name, and says its
# pid; waits for it while the process lives. What measures goes before this shell, which goes before it
# here, or it might get to see the descendant when that has done its work.
kill_descendant() (
    chrt --rr -p 1 "$BASHPID" >/dev/null 2>&1 || true
    for ((turn = 0; turn < 2000; turn++)); do
        if found=$(descendant_now "$@"); then
            kill -9 "$found" && echo "$found"
            return
        fi
        kill -0 "$1" 2>/dev/null || return 1
        sleep 0.01
    done
    return 1
)
# descendant_now PID NAME: the pid of one that is there now. By builtins alone, to be quick.
descendant_now() {
    local file children child name
    for file in /proc/"$1"/task/*/children; do
        children=
        read -r children 2>/dev/null <"$file" || true # a line without an end
        for child in $children; do
            name=
            read -r name 2>/dev/null <"/proc/$child/comm" || true
            [[ $name != "$2"* ]] || { echo "$child" && return 0; }
            ! descendant_now "$child" "$2" || return 0
        done
    done
    return 1
}

# A program in QEMU's place, first in PATH: passes the self-check; then it does as its text says, with
# $runs the number of trials begun. And empty guest files in NOM_HOME.
fake_qemu() {
    mkdir -p fake guest
    touch guest/nom.elf guest/initrd.cpio guest/nhttpd.elf runs
    cat >fake/qemu-system-x86_64 <<FAKE
#!/bin/bash
while [ \$# -gt 0 ]; do
    [ "\$1" = --version ] && { echo "QEMU emulator version 0"; exit; }
    [ "\$1" = -append ] && arguments=\$2
    shift
done
case \$arguments in
selfcheck*) echo "selfcheck: ring0_ps=1000 ring3_ps=1000"; exec sleep 20 ;;
esac
echo run >>"$PWD/runs"
runs=\$(wc -l <"$PWD/runs")
$1
FAKE
    chmod +x fake/qemu-system-x86_64
    export PATH=$PWD/fake:$PATH NOM_HOME=$PWD/guest
}

# Every key of the JSON document in $output stands in docs/json.md, as `key`.
documented() {
    local key
    jq -e '.schema == 1' <<<"$output" >/dev/null
    for key in $(jq -r '[paths[] | strings] | unique[]' <<<"$output"); do
        grep -qF "\`$key\`" "$BATS_TEST_DIRNAME/../../docs/json.md" || [ "$key" = schema ] || {
            echo "docs/json.md lacks $key"
            return 1
        }
    done
}
