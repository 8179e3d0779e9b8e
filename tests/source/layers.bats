#!/usr/bin/env bats
# Each folder includes only what stands below it, read off the #include lines (ARCHITECTURE.md).

# folder, and the folders of ours that its files may include (its own always)
allowed() {
    cat <<'LAYERS'
runtime/abi
runtime/econ runtime/abi
runtime/kernel runtime/abi
runtime/platform runtime/abi
runtime/lib runtime/abi runtime/econ runtime/platform
runtime/net runtime/abi runtime/platform runtime/lib
runtime/app runtime/abi runtime/platform runtime/lib runtime/net
runtime/posix runtime/abi runtime/platform runtime/lib runtime/net runtime/app
runtime/posix/libc runtime/posix
runtime/platform/shared runtime/abi runtime/platform
runtime/platform/nom runtime/abi runtime/platform runtime/platform/shared runtime/lib runtime/net
runtime/platform/linux runtime/abi runtime/platform runtime/platform/shared runtime/lib runtime/net
runtime/platform/memory runtime/abi runtime/platform runtime/platform/shared runtime/lib runtime/net
runtime/priced runtime/abi runtime/platform runtime/lib runtime/net
runtime/priced/nom runtime/abi runtime/platform runtime/lib runtime/net runtime/priced
runtime/priced/linux runtime/abi runtime/platform runtime/lib runtime/net runtime/priced
workloads/nhttpd runtime/abi runtime/econ runtime/platform runtime/lib runtime/net runtime/app
workloads/nhttpd/sockets runtime/abi runtime/platform workloads/nhttpd
workloads/netpipe runtime/abi runtime/platform runtime/lib runtime/net runtime/app
workloads/selfcheck runtime/abi runtime/platform runtime/lib
workloads/load runtime/abi runtime/econ
record runtime/abi workloads/load
profiler runtime/abi runtime/econ workloads/load record
store runtime/abi runtime/econ workloads/load record
pareto
tuner runtime/abi runtime/econ workloads/load record pareto
reports runtime/abi runtime/econ workloads/load record store pareto tuner
nomctl runtime/abi runtime/econ runtime/priced workloads/load record profiler store pareto tuner reports
LAYERS
}

# stdin: lines "FILE HEADER" of our own includes; prints those that point up.
upward() {
    awk '
        FNR == NR { folder[$1] = 1; for (i = 2; i <= NF; i++) may[$1, $i] = 1; next }
        function home(path) { while (sub(/\/[^\/]*$/, "", path)) if (path in folder) return path; return "" }
        {
            from = home($1); to = home($2)
            if (from == "") { print $1 ": its folder is in no layer"; next }
            if (to == "" || to == from || (from, to) in may) next
            print $1 " includes " $2 ": " from " may not include " to
        }' <(allowed) -
}

includes() {
    git ls-files -co --exclude-standard 'runtime/*.[chS]' 'workloads/*.[ch]' 'record/*.[ch]' 'profiler/*.[ch]' \
        'store/*.[ch]' 'pareto/*.[ch]' 'tuner/*.[ch]' 'reports/*.[ch]' 'nomctl/*.[ch]' |
        while read -r file; do
            dir=$(dirname "$file")
            sed -n 's/^ *# *include  *"\([^"]*\)".*/\1/p' "$file" | while read -r header; do
                if [ -f "$header" ]; then echo "$file $header"
                elif [ -f "$dir/$header" ]; then echo "$file $dir/$header"
                fi
            done
        done
}

@test "layers: no include points upward" {
    cd "$BATS_TEST_DIRNAME/../.."
    includes >"$BATS_TEST_TMPDIR/includes"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/includes")" -gt 50 ]
    run upward <"$BATS_TEST_TMPDIR/includes"
    echo "$output"
    [ -z "$output" ]
}

@test "layers: an include that points upward is found" {
    cd "$BATS_TEST_DIRNAME/../.."
    run upward <<<"pareto/pareto.c store/store.h"
    [ "$output" = "pareto/pareto.c includes store/store.h: pareto may not include store" ]
    run upward <<<"store/store.c profiler/profiler.h"
    [ -n "$output" ]
}

@test "layers: only store/ holds SQL, and only nomctl/ exits or prints on its own" {
    cd "$BATS_TEST_DIRNAME/../.."
    run git grep -lE 'sqlite3_|SELECT .* FROM' -- '*.c' '*.h' ':!store' ':!tests'
    echo "$output"
    [ -z "$output" ]
    run git grep -nE '\b(printf|puts|perror|exit) *\(' -- record profiler store pareto tuner reports runtime/econ
    echo "$output"
    [ -z "$output" ]
}
