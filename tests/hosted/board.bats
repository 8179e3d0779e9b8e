#!/usr/bin/env bats
# Prices on the hosted floor: a file that processes map; one publishes, the others are woken.
BUILD=${BUILD:-build}

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    file=$BATS_TEST_TMPDIR/board
    board=$BUILD/tests/hosted/board
}

until_says() {
    local turn
    for ((turn = 0; turn < 500; turn++)); do
        grep -qxF -- "$1" "$2" && return 0
        sleep 0.02
    done
    cat "$2"
    return 1
}

@test "board: without a file there is a page that stays empty, and nobody owns it" {
    run "$board" -- follow 0
    [ "$status" -eq 0 ] && [ "$output" = nothing ]
    run "$board" -- publish 1
    [ "$status" -eq 3 ] && [ "$output" = "the page is another's" ]
}

@test "board: who waits is woken by each publication" {
    local log=$BATS_TEST_TMPDIR/log price
    "$board" --board "$file" -- follow 3 >"$log" 3>&- &
    local follower=$!
    until_says nothing "$log"
    for price in 2.5 1 7; do
        "$board" --board "$file" -- publish $price
        until_says "generation $((++generation)): $price of test" "$log"
    done
    wait $follower
    # Who comes later finds the last price.
    run "$board" --board "$file" -- follow 0
    [ "$output" = "generation 3: 7 of test" ]
}

@test "board: one publishes at a time, and the next may when it has ended" {
    local log=$BATS_TEST_TMPDIR/log
    "$board" --board "$file" -- publish 1 100 >"$log" 3>&- &
    local publisher=$!
    until_says "published 1" "$log"
    run "$board" --board "$file" -- publish 2
    [ "$status" -eq 3 ]
    kill -9 $publisher
    wait $publisher || true
    run "$board" --board "$file" -- publish 2
    [ "$status" -eq 0 ]
    run "$board" --board "$file" -- follow 0
    [ "$output" = "generation 2: 2 of test" ]
}

@test "board: files that will not do: one line, status 2" {
    run "$board" --board "$BATS_TEST_TMPDIR/no/such" -- follow 0
    [ "$status" -eq 2 ] && [ "$output" = "board: --board $BATS_TEST_TMPDIR/no/such: No such file or directory" ]
    run "$board" --board "$BATS_TEST_TMPDIR" -- follow 0
    [ "$status" -eq 2 ] && [ "${#lines[@]}" -eq 1 ]
    run "$board" --board
    [ "$status" -eq 2 ] && [ "$output" = "board: option --board has no value" ]
}
