# For tests of the command line: each runs in a folder of its own, with its own database.
#
#   nomctl ARG...             the program built; database commands get --db "$db" from with_db
#   fails CODE TEXT COMMAND...  it ends with CODE, prints nothing on stdout, and one line on stderr
#                               that holds TEXT
#   gives COMMAND...            it ends with 0 and says nothing on stderr; output in $output
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
