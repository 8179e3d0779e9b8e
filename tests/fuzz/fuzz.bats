#!/usr/bin/env bats
# Every seed, and each fuzzer for a short time (FUZZ_SECONDS, 10 by default; `make fuzz` for longer).

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    export BUILD=${BUILD:-build}
    make -s BUILD="$BUILD" fuzzers >/dev/null
}
setup() { cd "$BATS_TEST_DIRNAME/../.." || return 1; }

seeds() { # NAME: its seeds find nothing, under the sanitizers
    run timeout 100 "$BUILD/fuzz/fuzz_$1" -timeout=20 tests/fuzz/"$1"/*
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$(grep -c '^Executed' <<<"$output")" -eq "$(find "tests/fuzz/$1" -type f | wc -l)" ]
}

@test "fuzz: seeds of http" { seeds http; }
@test "fuzz: seeds of control" { seeds control; }
@test "fuzz: seeds of table" { seeds table; }
@test "fuzz: seeds of priced" { seeds priced; }
@test "fuzz: seeds of load" { seeds load; }
@test "fuzz: seeds of netpipe" { seeds netpipe; }
@test "fuzz: seeds of stack" {
    [ -f tests/fuzz/fuzz_stack.c ]
    seeds stack
}

@test "fuzz: each fuzzer for a short time finds nothing" {
    fuzzers=$(find tests/fuzz -name 'fuzz_*.c' | sed 's:.*/fuzz_\(.*\)[.]c:\1:' | sort)
    # shellcheck disable=SC2086 # names
    run tests/fuzz/run "$BUILD/fuzz" "${FUZZ_SECONDS:-10}" $fuzzers
    echo "$output"
    [ "$status" -eq 0 ]
    [[ ${lines[-1]} == "$(wc -w <<<"$fuzzers") passed, 0 failed" ]]
}

@test "fuzz: the binary seeds are what their program writes" {
    cp -r tests/fuzz "$BATS_TEST_TMPDIR/fuzz"
    "$BUILD/fuzz/seeds" "$BATS_TEST_TMPDIR/fuzz"
    diff -r tests/fuzz "$BATS_TEST_TMPDIR/fuzz"
}

@test "fuzz: a finding fails the run and is shown" {
    cat >"$BATS_TEST_TMPDIR/fuzz_http" <<'END'
#!/bin/sh
echo "==1==ERROR: AddressSanitizer: heap-buffer-overflow"
echo "stat::number_of_executed_units: 7"
exit 77
END
    printf '#!/bin/sh\necho "#9 DONE cov: 5 ft: 6"\necho "stat::number_of_executed_units: 9"\n' >"$BATS_TEST_TMPDIR/fuzz_table"
    chmod +x "$BATS_TEST_TMPDIR"/fuzz_*
    run tests/fuzz/run "$BATS_TEST_TMPDIR" 1 http table
    echo "$output"
    [ "$status" -ne 0 ]
    [[ $output == *"http: 7 executions, 0 a second, 0 edges covered: FAILED (status 77)"* ]]
    [[ $output == *"    ==1==ERROR: AddressSanitizer: heap-buffer-overflow"* ]]
    [[ $output == *"table: 9 executions, 0 a second, 5 edges covered: nothing found"* ]]
    [[ ${lines[-1]} == "1 passed, 1 failed" ]]
}
