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

# What is left of $stderr, in $said, without what is said of trials in which a busy machine let client or
# app do nothing; $starved: how many. Those have failed, and are stored as such: what is expected of all
# trials is expected of the others.
without_starved() {
    local kind='(the app gave no reply|the load failed: NPtcp did not end in time)'
    local run="^nomctl: run [0-9]+ failed \(.*\): $kind\$"
    starved=$(grep -cE "$run" <<<"$stderr") || true
    said=$(grep -vE "$run" <<<"$stderr") || true
    [ "$starved" -eq 0 ] ||
        said=$(grep -vE "^nomctl: ([0-9]+ of [0-9]+ .* have no good trial and are missing|every trial failed, the last: $kind)\$" \
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

# A profile's JSON document in $output, of one repeat: so many trials, all but the starved good, and the
# points of those.
profiled() { # TRIALS
    local good
    good=$(sqlite3 "$db" "SELECT json_group_array(json_array(load, delay_us, kick)) FROM
        (SELECT load, delay_us, iif(kick = 1, 'strict', 'natural') AS kick FROM trial WHERE status = 'ok')")
    [ "$(jq -c '[.trials, .failed]' <<<"$output")" = "[$1,$starved]" ]
    [ "$(jq -c '[.points[] | [.load, .delay_us, .kick]] | sort' <<<"$output")" = "$(jq -c 'map(.[1] += 0) | sort' <<<"$good")" ]
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
