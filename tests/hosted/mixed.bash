# shellcheck disable=SC2034,SC2154 # ip: of lib.bash; MIXED_MEMCACHED is for the tests
# A mixed load of memcached (tests/hosted/mixed.c) with an eye on memory, for .bats files of both
# floors, which bring in_net, $ip, and mixed_memory: bytes of memory in use.
#
#   mixed_run ARG...   the load for $NOM_MIXED_SECONDS (10), with more arguments of its own; fails if
#                      anything was wrong
#   mixed_steady       fails if memory grew, in a load of a minute or more
#   mixed_alone        fails unless all of the load's connections are gone
#   memcached_stats [slabs]   what memcached says: lines of name and value
#
# Samples, $samples: seconds, bytes that memcached holds for values (total_malloced) before and
# after all memory in use, that, memcached's curr_connections, connections open in our stack,
# total_items, bytes, packets dropped.
#
# The rule: the first fifth of the samples is warm-up. What is in use beyond what memcached holds
# for values is known up to what it took meanwhile; in the last two fifths it is nowhere surely more
# than 16 MiB above all that it can have been in the two before.
MIXED_SECONDS=${NOM_MIXED_SECONDS:-10}
# memcached's arguments. When it moves a page of slabs it deletes what a slow client is still being sent
# (slab_reassign_busy_deletes), and this load takes a key that is gone for a loss: so it moves none.
MIXED_MEMCACHED=(-m 1024 -I 2m -o no_slab_automove)
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
    local general before after port used
    general=$(memcached_stats) && before=$(memcached_stats slabs) || return 0
    port=$(in_net "$BUILD/tests/guest/statistics" "$ip" 7700 2>/dev/null | xargs -n 2) || true
    used=$(mixed_memory "$port")
    after=$(memcached_stats slabs) || return 0
    echo "$SECONDS $(mixed_value "$before" total_malloced) $(mixed_value "$after" total_malloced)" \
        "$used" \
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
    # A key that is gone may be memcached's own doing.
    memcached_stats | grep -E '^(evictions|malloc_fails|slabs_moved|slab_reassign|slab_global)' || true
    return $status
}

mixed_steady() {
    [ "$MIXED_SECONDS" -ge 60 ] || return 0 # all of it is warm-up
    awk -v most="$MIXED_GROWTH_BYTES" '
        $2 != "?" && $3 != "?" && $4 != "?" { high[n] = $4 - $2; low[n++] = $4 - $3 }
        END {
            for (i = int(n / 5); i < int(n * 3 / 5); i++) if (high[i] > before) before = high[i]
            for (; i < n; i++) if (low[i] > after) after = low[i]
            printf "%d samples, at most %.1f MiB before, %.1f MiB after\n", n, before / 2^20, after / 2^20
            exit !(n >= 4 && after <= before + most)
        }' "$samples"
}

# A client that has gone may have had bytes under way, which it sends anew after minutes at worst.
# The listening socket and the connection that asks are counted by memcached.
mixed_alone() {
    local turn now
    for ((turn = 0; turn < 1800; turn++)); do
        now=$(mixed_value "$(memcached_stats)" curr_connections)
        [ "$now" -le 2 ] 2>/dev/null && return 0
        sleep 0.1
    done
    echo "$now connections"
    return 1
}
