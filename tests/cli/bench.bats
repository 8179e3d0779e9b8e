#!/usr/bin/env bats
# nom-bench's arguments: what is refused is named in one line, and nothing is measured.
load lib.bash
bats_require_minimum_version 1.5.0

bench() { "$BUILD/bin/nom-bench" "$@"; }
# refuses TEXT ARG...
refuses() {
    run --separate-stderr bench "${@:2}"
    echo "exit code $status; stdout: $output; stderr: $stderr"
    [ "$status" -eq 2 ]
    [ -z "$output" ]
    [ "${#stderr_lines[@]}" -eq 1 ]
    [[ $stderr == "nom-bench: "*"$1"* ]]
}

@test "bench: --help names every scene" {
    bench --help >"$BATS_TEST_TMPDIR/help"
    for scene in systems memcached churn idle netpipe stages boot price rest; do
        grep -q "^  $scene  *[a-zA-Z]" "$BATS_TEST_TMPDIR/help"
    done
    ! grep -E '.{80}' "$BATS_TEST_TMPDIR/help"
}

@test "bench: bad arguments" {
    refuses "--repeats: '0' is no number from 1 to 64" --repeats 0
    refuses "--repeats: '2.5' is no number" --repeats 2.5
    refuses "--repeats: '' is no number" --repeats ""
    refuses "--seconds: '-1' is no number" --seconds -1
    refuses "--seconds: '.' is no number" --seconds .
    refuses "--seconds: 'nan' is no number" --seconds nan
    refuses "--delay-us: '2000' is no number from 0 to 1000" --delay-us 2000
    refuses "--scene: 'none' is no scene" --scene none
    refuses "unexpected argument 'boot'" boot
}
