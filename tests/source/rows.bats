#!/usr/bin/env bats
# docs/rows.md names for each part of the kernel and of prices the tests that show it: all parts are
# there, and so are the tests.

# shellcheck disable=SC2016 # the table has backquotes of its own
# stdin: the table; lines "PART<tab>FILE<tab>TEST"
rows() { sed -nE 's/^\| ([KP][0-9]+) \|[^|]*\| `([^`]+)` \| (.*) \|$/\1\t\2\t\3/p'; }

# stdin: lines of rows; prints what is named and is not there
absent() {
    while IFS=$'\t' read -r part file test; do
        grep -qF -- "@test \"$test\"" "$file" 2>/dev/null || echo "$part: no test \"$test\" in $file"
    done
}

setup() { cd "$BATS_TEST_DIRNAME/../.." || return 1; }

@test "rows: every part has a test, and every test that is named exists" {
    rows <docs/rows.md >"$BATS_TEST_TMPDIR/rows"
    for part in K{1..15} P{1..3}; do
        grep -q "^$part"$'\t' "$BATS_TEST_TMPDIR/rows" || { echo "no row for $part"; return 1; }
    done
    run absent <"$BATS_TEST_TMPDIR/rows"
    echo "$output"
    [ -z "$output" ]
}

@test "rows: a test that does not exist is found" {
    # shellcheck disable=SC2016 # likewise
    printf '| K1 | what | `tests/source/rows.bats` | no such test, as you see |\n' | rows >"$BATS_TEST_TMPDIR/rows"
    run absent <"$BATS_TEST_TMPDIR/rows"
    [ "$output" = 'K1: no test "no such test, as you see" in tests/source/rows.bats' ]
}
