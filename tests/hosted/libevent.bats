#!/usr/bin/env bats
# libevent's own tests on nom's library: by epoll all of them; by poll and select those where the method
# matters; under the address sanitizer by epoll alone. `make test-libevent` (SAN=1 too) runs all by every
# method. What does not pass is listed, with its reason, in libevent/listed.
BUILD=${BUILD:-build}
HERE=$BATS_TEST_DIRNAME/libevent

setup() {
    [ -x "$BUILD/tests/ported/regress" ] || skip "tests/ported/regress is not built (make ported)"
}

check() { # METHOD [GROUP...]
    KEEP=$BATS_TEST_TMPDIR/out "$HERE/check" "$@"
}
@test "each test of libevent passes by epoll, or is listed and does what the list says" {
    check epoll
}

@test "so do by poll and select the tests in which the method matters" {
    [[ $BUILD != *san ]] || skip "by epoll alone: make SAN=1 test-libevent runs them"
    check poll main et bufferevent finalize
    check select main et bufferevent finalize
}

@test "libevent is told its method by the environment" {
    for method in epoll poll select; do
        "$HERE/regress" $method "$BATS_TEST_TMPDIR" <<<main/simpleread
        grep "using: $method" "$BATS_TEST_TMPDIR/main%simpleread"
    done
    run "$HERE/regress" kqueue "$BATS_TEST_TMPDIR" <<<main/simpleread
    [[ $output == *"no method kqueue"* ]]
}

@test "a variable without a name or a value is refused" {
    for bad in =x NAME; do
        run "$BUILD/tests/ported/regress" -- --ip 10.0.0.2/24 --env $bad -- --list-tests
        echo "$output"
        [ "$status" -eq 2 ]
        [[ $output == *"bad value for --env: $bad"* ]]
    done
}

@test "what does not do as the list says is told" {
    mkdir "$BATS_TEST_TMPDIR/copy"
    cp "$HERE"/* "$BATS_TEST_TMPDIR/copy"
    sed -i '/thread\/forking/d' "$BATS_TEST_TMPDIR/copy/listed"
    printf 'all fails %s\n' 'heap/randomized nothing' 'main/none nothing' >>"$BATS_TEST_TMPDIR/copy/listed"
    SECONDS_MAX=8 ATTEMPTS=1 run "$BATS_TEST_TMPDIR/copy/check" epoll heap thread
    echo "$output"
    [ "$status" -ne 0 ]
    [[ $output == *"heap/randomized passed, and is listed: fails"* ]]
    [[ $output == *"thread/forking failed"* ]]
    [[ $BUILD == *san || $output == *"main/none is listed, and is no test of libevent"* ]]
}
