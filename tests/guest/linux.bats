#!/usr/bin/env bats
# The Linux guest that nom is compared with: boots Debian's cloud kernel under TCG as a trial does.
# Needs root, for a tap, and the kernel that tools/fetch-linux gets (skipped where it cannot).
# shellcheck disable=SC2154 # ip is lib.bash's
load ../cli/lib.bash
load lib.bash

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    [ "$(id -u)" = 0 ] || skip "needs root, for a tap"
    NOM_HOME=$(cd "$BUILD/lib/nom" && pwd)
    export NOM_HOME
    NOM_LINUX=$(tools/fetch-linux 2>"$BATS_FILE_TMPDIR/fetch") ||
        skip "no Linux kernel: $(tail -n 1 "$BATS_FILE_TMPDIR/fetch")"
    export NOM_LINUX
    find "$NOM_HOME" "$NOM_LINUX" -type f -exec sha256sum {} + >"$BATS_FILE_TMPDIR/before"
    mkfifo "$BATS_FILE_TMPDIR/hold"
    : >"$BATS_FILE_TMPDIR/said" # or the loop below may look for it before it is there
    "$BUILD/tests/guest/floor" linux tcg <"$BATS_FILE_TMPDIR/hold" >"$BATS_FILE_TMPDIR/said" 2>&1 3>&- &
    echo $! >"$BATS_FILE_TMPDIR/floor"
    # Held open by a process that ends by itself; the guest ends with it.
    sleep 600 >"$BATS_FILE_TMPDIR/hold" 3>&- &
    echo $! >"$BATS_FILE_TMPDIR/holder"
    local turn
    for ((turn = 0; turn < 1500 && $(wc -l <"$BATS_FILE_TMPDIR/said") == 0; turn++)); do sleep 0.1; done
    cat "$BATS_FILE_TMPDIR/said"
}
setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    net_pid=$(cat "$BATS_FILE_TMPDIR/floor")
}
teardown_file() {
    [ ! -f "$BATS_FILE_TMPDIR/holder" ] || kill "$(cat "$BATS_FILE_TMPDIR/holder")" 2>/dev/null || true
}

web() { in_net timeout 200 "$BUILD/tests/guest/web" "$ip" "$@"; }
ended() {
    local turn
    for ((turn = 0; turn < 500; turn++)); do
        [ -e "/proc/$1" ] || return 0
        sleep 0.02
    done
    return 1
}
# A guest that is expected not to get ready; $output is why.
fails() { run timeout 150 "$BUILD/tests/guest/floor" linux tcg </dev/null; [ "$status" -eq 1 ]; }
copy() { cp -r "$NOM_LINUX" "$BATS_TEST_TMPDIR/linux"; }

@test "linux: boots and is ready" { grep -qx "ready [0-9]*" "$BATS_FILE_TMPDIR/said"; }

@test "linux: the same files and replies, byte by byte" {
    in_net curl -sS -m 20 "http://$ip/" | cmp - workloads/nhttpd/www/index.html
    in_net curl -sS -m 20 "http://$ip/style.css" | cmp - workloads/nhttpd/www/style.css
    [ "$(in_net curl -sS -m 20 -o /dev/null -w '%{http_code}' "http://$ip/none")" = 404 ]
    web sizes 1 20
    web pipeline 1 300
}
@test "linux: short connections" { web churn 500 8; }
@test "linux: many connections" { web requests 2000 64; }

@test "linux: ends with its profiler, and leaves nothing" {
    qemu=$(sed -n 's/^ready //p' "$BATS_FILE_TMPDIR/said")
    [ -e "/proc/$qemu" ]
    kill "$(cat "$BATS_FILE_TMPDIR/holder")"
    ended "$net_pid"
    ended "$qemu"
    find "$NOM_HOME" "$NOM_LINUX" -type f -exec sha256sum {} + | diff "$BATS_FILE_TMPDIR/before" -
}

# compare APP ON ARG...: a trial each, under TCG; up to three times, where a busy machine let one come to nothing.
compare() {
    local db=$BATS_TEST_TMPDIR/db tries
    for tries in 1 2 3; do
        rm -f "$db"
        timeout 200 "$BUILD/bin/nomctl" compare "$1" --on "$2" --accel tcg --repeats 1 --seconds 0.5 --warmup 0.1 \
            --accept-noisy --db "$db" --json "${@:3}" >"$BATS_TEST_TMPDIR/json" 2>"$BATS_TEST_TMPDIR/error" || true
        cat "$BATS_TEST_TMPDIR/error"
        grep -qE "^nomctl: run [0-9]+ failed \(.*\): $starved_text\$" "$BATS_TEST_TMPDIR/error" || break
    done
}

@test "linux: nomctl compares with it, and stores on what kernel" {
    compare nhttpd nom,linux --loads 1,32
    jq -e '[.ratios[] | select(.a == "nom" and .b == "linux" and .throughput > 0 and .latency > 0)] | length == 2' \
        "$BATS_TEST_TMPDIR/json"
    [ "$(sqlite3 "$BATS_TEST_TMPDIR/db" \
        "select count(*) from trial where target = 'linux' and guest_kernel like '%-cloud-amd64'")" = 2 ]
}

# compares APP PROGRAM ARG...: a trial of Debian's program on this Linux, and one in the guest.
compares() {
    command -v "$2" >/dev/null || skip "$2 is not installed"
    compare "$1" host,linux "${@:3}"
    jq -e '.failed == 0 and ([.ratios[] | select(.throughput > 0 and .latency > 0)] | length == 1)' \
        "$BATS_TEST_TMPDIR/json"
}
@test "linux: Debian's memcached, with its libraries" { compares memcached memcached --loads 8 --value-size 100; }
@test "linux: Debian's NPtcp, started again for each connection" { compares netpipe NPtcp; }

@test "linux: a module that does not fit is told of" {
    copy
    truncate -s 5000 "$BATS_TEST_TMPDIR"/linux/kernel/drivers/net/virtio_net.ko
    NOM_LINUX=$BATS_TEST_TMPDIR/linux fails
    echo "$output"
    [[ $output == *"init: module virtio_net.ko cannot be loaded"* ]]
}

@test "linux: a kernel that cannot be loaded is told of" {
    copy
    truncate -s 4096 "$BATS_TEST_TMPDIR/linux/vmlinuz"
    NOM_LINUX=$BATS_TEST_TMPDIR/linux fails
    echo "$output"
    [ -n "$output" ]
    echo "no kernel" >"$BATS_TEST_TMPDIR/linux/vmlinuz"
    NOM_LINUX=$BATS_TEST_TMPDIR/linux fails
    [[ $output == *"vmlinuz is no Linux kernel (a bzImage)"* ]]
}

@test "fetch-linux: with the cache in place it needs no network, and links" {
    run unshare -n tools/fetch-linux --link "$BATS_TEST_TMPDIR"
    [ "$status" -eq 0 ]
    [ "$output" = "$NOM_LINUX" ]
    [ -s "$BATS_TEST_TMPDIR/linux/vmlinuz" ]
}
