# A mixed load of memcached (tests/hosted/mixed.c) with an eye on memory, for .bats files of both
# floors, which bring in_net, $ip, and mixed_memory: bytes of memory in use.
#
#   mixed_run ARG...   the load for $NOM_MIXED_SECONDS (10), with more arguments of its own; fails if
#                      anything was wrong
#   mixed_steady       fails if memory grew
#   mixed_alone        fails unless all of the load's connections are gone
#   memcached_stats [slabs]   what memcached says: lines of name and value
#
# Samples, $samples: seconds, bytes in use, bytes that memcached holds for values (total_malloced),
# its curr_connections, connections open in our stack, total_items, bytes, packets dropped.
#
# The rule: what is in use beyond what memcached holds for values has its maximum in the first half
# of the samples of the load (after a fifth, the warm-up), or exceeds it later by 16 MiB at most.
MIXED_SECONDS=${NOM_MIXED_SECONDS:-10}
MIXED_GROWTH_BYTES=$((16 << 20))

# Reads one reply, up to END; fails after 20 s.
memcached_stats() {
    # shellcheck disable=SC2016 # for the inner shell
    in_net timeout 20 bash -c 'exec 5<>"/dev/tcp/$0/11211" && printf "stats%s\r\n" "${1:+ $1}" >&5 &&
        while read -r word name value <&5 && [ "${word%$'"'\\r'"'}" != END ]; do
            echo "$name ${value%$'"'\\r'"'}"
        done' "$ip" "$@"
}

# The value behind a name, or ?.
mixed_value() { awk -v name="$2" '$1 == name { v = $2 } END { print v == "" ? "?" : v }' <<<"$1"; }

mixed_sample() {
    local general slabs port
    general=$(memcached_stats) && slabs=$(memcached_stats slabs) || return 0
    port=$(in_net "$BUILD/tests/guest/statistics" "$ip" 7700 2>/dev/null | xargs -n 2) || true
    echo "$SECONDS $(mixed_memory "$port") $(mixed_value "$slabs" total_malloced)" \
        "$(mixed_value "$general" curr_connections) $(mixed_value "$port" open)" \
        "$(mixed_value "$general" total_items) $(mixed_value "$general" bytes)" \
        "$(mixed_value "$port" rx_dropped)" >>"$samples"
}

mixed_run() {
    local load every=$((MIXED_SECONDS / 60 + 1)) status=0
    samples=${BATS_TEST_TMPDIR:?}/samples
    : >"$samples"
    # shellcheck disable=SC2046 # words
    in_net "$BUILD/tests/hosted/mixed" "$ip" 11211 --seconds "$MIXED_SECONDS" --keys 2000 --warmup 2 \
        --timeout 300 "$@" >"$BATS_TEST_TMPDIR/load" 2>&1 3>&- &
    load=$!
    while kill -0 $load 2>/dev/null; do
        mixed_sample
        sleep "$every"
    done
    wait $load || status=$?
    cat "$samples" "$BATS_TEST_TMPDIR/load"
    return $status
}

mixed_steady() {
    awk -v most="$MIXED_GROWTH_BYTES" '
        $2 != "?" && $3 != "?" { rest[n++] = $2 - $3 }
        END {
            for (i = int(n / 5); i < n; i++) {
                late = i >= int(n * 3 / 5)
                if (rest[i] > top[late]) top[late] = rest[i]
            }
            printf "%d samples, %.1f MiB at most before, %.1f MiB after\n", n, top[0] / 2^20, top[1] / 2^20
            exit !(n >= 4 && top[1] <= top[0] + most)
        }' "$samples"
}

# The listening socket and the connection that asks are counted by memcached.
mixed_alone() {
    local turn now
    for ((turn = 0; turn < 100; turn++)); do
        now=$(mixed_value "$(memcached_stats)" curr_connections)
        [ "$now" -le 2 ] 2>/dev/null && return 0
        sleep 0.1
    done
    echo "$now connections"
    return 1
}
