#!/usr/bin/env bats
# tests/run: the end of what it prints is enough to see what failed, whatever failed and however.

setup() { cd "$BATS_TEST_DIRNAME/../.." || return 1; }

# says NAME TEXT: a test program that prints TEXT and ends with the status in its last line
says() {
    head -n -1 <<<"$2" >"$BATS_TEST_TMPDIR/$1.text"
    printf '#!/bin/sh\ncat "%s"\nexit %s\n' "$BATS_TEST_TMPDIR/$1.text" "$(tail -n 1 <<<"$2")" >"$BATS_TEST_TMPDIR/$1"
    chmod +x "$BATS_TEST_TMPDIR/$1"
}

# Without what this run of bats tells its own parts, and without their folder.
tests_run() { run env -i PATH="${PATH//"$BATS_LIBEXEC:"/}" tests/run "${@/#/$BATS_TEST_TMPDIR/}"; }
end_is() { # LINES
    diff <(printf '%s\n' "$1") <(tail -n "$(wc -l <<<"$1")" <<<"$output")
}

@test "tests/run: nothing failed: the counts, and no list" {
    says good $'1..3\nok 1 - a\nok 2 - b # skip not here\nok 3 - c\n0'
    tests_run good
    [ "$status" -eq 0 ]
    [ "${lines[-1]}" = "2 passed, 0 failed, 1 skipped" ]
    [[ $output != *"failed: "* ]]
    says skips $'1..1\nok 1 # skip\n0'
    tests_run skips
    [ "$status" -eq 1 ]
    end_is $'failed: tests/run: no test was run\n0 passed, 1 failed, 1 skipped'
}

@test "tests/run: each that failed, with what it said, after everything else" {
    says first $'1..3\nnot ok 1 - a - b\n# one\n# two\nok 2 - c\nnot ok 3 d\n1'
    says second $'1..1\nok 1 - e\n# of e\n0'
    says third $'1..2\nok 1 f\n# of f\nnot ok 2 g\n#  last\n1'
    tests_run first second third
    [ "$status" -eq 1 ]
    end_is "# of f
not ok 2 g
#  last
failed: $BATS_TEST_TMPDIR/first: a - b
# one
# two
failed: $BATS_TEST_TMPDIR/first: d
failed: $BATS_TEST_TMPDIR/third: g
#  last
3 passed, 3 failed"
}

@test "tests/run: of much that a test said, its beginning and its end" {
    says long "1..2
not ok 1 - most
$(seq -f '# %g' 26)
not ok 2 - whole
$(seq -f '# %g' 25)
1"
    tests_run long
    end_is "failed: $BATS_TEST_TMPDIR/long: most
$(seq -f '# %g' 12)
# ... (2 lines more)
$(seq -f '# %g' 15 26)
failed: $BATS_TEST_TMPDIR/long: whole
$(seq -f '# %g' 25)
0 passed, 2 failed"
}

@test "tests/run: a program that dies, one that runs too little, one that is none" {
    says dies $'1..2\nok 1 - a\n==7==ERROR: AddressSanitizer\n# why\n134'
    says little $'1..2\nok 1 - a\nnot ok 2 - b\n#  c\nok 3 - d\n1'
    tests_run dies little none
    [ "$status" -eq 1 ]
    sed "s|$BATS_TEST_TMPDIR/||" <<<"$output" >"$BATS_TEST_TMPDIR/said"
    cd "$BATS_TEST_TMPDIR"
    [ "$(grep -A 2 '^failed: dies' said)" = "failed: dies: ended with status 134, 1 of 2 tests ran
# ==7==ERROR: AddressSanitizer
# why" ]
    grep -x 'failed: little: ended with status 1, 3 of 2 tests ran' said
    [ "$(grep -A 1 '^failed: little: b' said)" = $'failed: little: b\n#  c' ]
    grep -x 'failed: none: ended with status 127, 0 of 0 tests ran' said
    [ "${lines[-1]}" = "3 passed, 4 failed" ]
}

@test "tests/run: a test of bats" {
    printf '@test "%s" { %s; }\n' fine true "not so" "echo because; false" >"$BATS_TEST_TMPDIR/some.bats"
    tests_run some.bats
    [ "$status" -eq 1 ]
    end_is "failed: $BATS_TEST_TMPDIR/some.bats: not so
# (in test file $BATS_TEST_TMPDIR/some.bats, line 2)
#   \`@test \"not so\" { echo because; false; }' failed
# because
1 passed, 1 failed"
}
