# shellcheck shell=bash disable=SC2154 # ip is the caller's
# netpipe at $ip, its control port 7700, adapts: of whichever floor. in_net runs a command where it can
# be reached. $says holds what it printed. Needs NPtcp.

# NPtcp's rows, then in $out, of messages of up to 8 bytes; one connection.
control_np() { in_net timeout 100 NPtcp -h "$ip" -o "$out" -u 8 -n 10 >"$BATS_TEST_TMPDIR/np.log" 2>&1; }
# So many messages: 100 of the first size, and of 1, 2, 3, 4, 6 and 8 bytes three times 10 each.
MESSAGES=$((100 + 6 * 3 * 10))

# tells [WHAT VALUE]: its statistics, in $told, after it was told that
tells() {
    told=$(in_net "$BUILD/tests/guest/statistics" "$ip" 7700 "$@")
    echo "$told"
}
told() { sed "s/^/ /; s/.* $1 \([^ ]*\).*/\1/" <<<"$told"; }

# stands NAME=VALUE...: in $told
stands() {
    local pair
    for pair in "$@"; do
        [ "$(told "${pair%=*}")" = "${pair#*=}" ] || { echo "not $pair: $told" && return 1; }
    done
}

# netpipe goes on to close a connection whose client has ended, for a moment.
none_open() {
    local turn
    for ((turn = 0; turn < 500; turn++)); do
        tells >"$BATS_TEST_TMPDIR/told"
        [ "$(told open)" != 0 ] || return 0
        sleep 0.02
    done
    return 1
}

netpipe_adapts() {
    local client
    tells
    stands price=0 delay_us=0 serving=1 adapting=0 requests=0 open=0 opened=0
    control_np
    none_open
    stands requests=$MESSAGES opened=1 refused=0

    # Each message waits for W on its way out: no machine is so fast that it would not be seen.
    tells delay_us 700
    stands delay_us=700
    control_np
    awk '$3 * 2 < 0.0007 { print "too fast: " $0; exit 1 }' "$out"
    none_open
    stands requests=$((2 * MESSAGES)) opened=2

    # By a table: at one connection its best row has W = 0.
    "$BUILD/tests/cli/seed" table "$BATS_TEST_TMPDIR/table" netpipe
    in_net "$BUILD/bin/nomctl" deploy "$BATS_TEST_TMPDIR/table" --to "$ip:7700" --timeout 20
    tells
    stands adapting=1 serving=1 delay_us=0
    "$BUILD/tests/cli/seed" table "$BATS_TEST_TMPDIR/others" nhttpd
    if in_net "$BUILD/bin/nomctl" deploy "$BATS_TEST_TMPDIR/others" --to "$ip:7700" --timeout 20; then return 1; fi

    # Every row loses: who is served is let go, and who comes is refused.
    in_net timeout 100 NPtcp -h "$ip" -o /dev/null -u 8 -n 100000000 >"$BATS_TEST_TMPDIR/long.log" 2>&1 3>&- &
    client=$!
    until tells && [ "$(told requests)" -gt $((2 * MESSAGES)) ]; do sleep 0.02; done
    tells price 1000000
    stands serving=0 adapting=1
    if wait $client; then return 1; fi
    none_open
    grep -q 'a client was let go .*: at these prices every answer would lose money' "$says"
    stands opened=3
    if control_np; then return 1; fi
    tells
    [ "$(told refused)" -ge 1 ]
    stands opened=3

    # Until one earns again.
    local requests
    requests=$(told requests)
    tells price 1
    stands serving=1 open=0
    control_np
    none_open
    stands requests=$((requests + MESSAGES)) opened=4
}
