#!/usr/bin/env bats
# docs/rows.md names for each part of the kernel and of prices the tests that show it: all parts are
# there, and so are the tests; those marked boot their guest with 1, 2 and 4 vCPUs, and each part has
# one of them.

# shellcheck disable=SC2016 # the table has backquotes of its own
# stdin: the table; lines "PART<tab>FILE<tab>TEST<tab>MARK"
rows() { sed -nE 's/^\| ([KP][0-9]+) \|[^|]*\| `([^`]+)` \| ([^|]*) \| (1 2 4 )?\|$/\1\t\2\t\3\t\4/p'; }

# stdin: lines of rows; prints what is named and is not there, or is not what its mark says
wrong() {
    while IFS=$'\t' read -r part file test mark; do
        if ! grep -qF -- "@test \"$test\"" "$file" 2>/dev/null; then
            echo "$part: no test \"$test\" in $file"
        elif [ -n "$mark" ] && ! body "$test" "$file" | numbers; then
            echo "$part: test \"$test\" in $file does not boot with 1, 2 and 4 vCPUs"
        fi
    done
}

# body TEST FILE: its lines
body() { title="@test \"$1\"" awk '/^(@test |})/ { on = index($0, ENVIRON["title"]) == 1 } on' "$2"; }

# stdin: a test, which goes through the numbers and uses each
numbers() { awk '/for cores in 1 2 4( 8)?; do/ { loop = 1 } loop && /\$cores/ { used = 1 } END { exit !used }'; }

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    table=$BATS_TEST_TMPDIR/rows
}

@test "rows: every part has a test with 1, 2 and 4 vCPUs, and every test that is named exists" {
    rows <docs/rows.md >"$table"
    [ "$(grep -c '^| [KP][0-9]' docs/rows.md)" -eq "$(wc -l <"$table")" ] # all of them could be read
    for part in K{1..15} P{1..3}; do
        grep -q "^$part"$'\t.*\t1 2 4 $' "$table" || { echo "no row for $part that is marked"; return 1; }
    done
    run wrong <"$table"
    echo "$output"
    [ -z "$output" ]
}

@test "rows: a test that does not exist, or not with all numbers of vCPUs, is found" {
    # shellcheck disable=SC2016 # likewise
    printf '| K1 | what | `tests/source/rows.bats` | %s | %s|\n' 'no such test, as you see' '' \
        'rows: a test that does not exist, or not with all numbers of vCPUs, is found' '1 2 4 ' |
        rows >"$table"
    run wrong <"$table"
    [ "${lines[0]}" = 'K1: no test "no such test, as you see" in tests/source/rows.bats' ]
    [[ ${lines[1]} == 'K1: test "rows: a test that '*' does not boot with 1, 2 and 4 vCPUs' ]]
    [ "${#lines[@]}" -eq 2 ]
}
