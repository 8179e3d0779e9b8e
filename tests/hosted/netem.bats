#!/usr/bin/env bats
# Replies over a link with faults, every byte verified, on a real veth: with tc netem on both ends
# where the kernel has it; otherwise with faults.c between two veth pairs, which does the same to
# frames. NETEM_REPLIES: replies for each fault, 100 by default; random sizes up to 1 MiB.
#
# An ARP frame has no checksum, so a corrupted one could teach a wrong address. The client's
# neighbour is static, and the server has learnt the client's before the faults begin.
# shellcheck disable=SC2154 # ip, net_pid and log are lib.bash's
load lib.bash

CONNECTIONS=64

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    hosted_net
    link=
}
teardown() {
    [ -z "$link" ] || kill -9 "$link" 2>/dev/null || true
    hosted_end
}

has_netem() { in_net tc qdisc add dev nom0 root netem limit 10 2>/dev/null && in_net tc qdisc del dev nom0 root; }

# nom0 and nom1 as they were, but not on one wire.
two_wires() {
    in_net ip link del nom0
    in_net ip link add nom0 type veth peer name wire0
    in_net ip link add nom1 type veth peer name wire1
    in_net ip addr add 10.77.0.1/24 dev nom0
    for dev in nom0 nom1 wire0 wire1; do
        in_net ip link set $dev gso_max_segs 1
        in_net ip link set $dev up
    done
}

carry() { # FAULT=PERCENT...: a faults.c between the wires, in place of one that is there
    if [ -n "$link" ]; then
        kill "$link"
        wait "$link"
    fi
    : >"$BATS_TEST_TMPDIR/link"
    # shellcheck disable=SC2046 # words
    $(entry) prlimit --cpu=600 "$BUILD/tests/hosted/faults" wire0 wire1 1 "$@" >"$BATS_TEST_TMPDIR/link" 3>&- &
    link=$!
    for _ in {1..2000}; do
        grep -q ready "$BATS_TEST_TMPDIR/link" && return 0
        sleep 0.01
    done
    return 1
}

# NETEM-ARGUMENTS, FAULT=PERCENT of faults.c, the count of faults that shows it: at least a hundredth
# of the replies in number, since even the least reply is several frames.
faulty() {
    local replies=${NETEM_REPLIES:-100} netem=
    if has_netem; then
        netem=1
    else
        two_wires
        carry
    fi
    serve
    in_net curl -sS -m 20 "http://$ip/" >/dev/null
    address=$(in_net ip neigh show to "$ip" dev nom0 | sed -n 's/.*lladdr \([^ ]*\).*/\1/p')
    in_net ip neigh replace "$ip" lladdr "$address" nud permanent dev nom0
    if [ -n "$netem" ]; then
        for dev in nom0 nom1; do
            # shellcheck disable=SC2086 # words
            in_net tc qdisc add dev $dev root netem limit 10000 $1
        done
    else
        # shellcheck disable=SC2086 # words
        carry $2
    fi
    in_net timeout 240 "$BUILD/tests/hosted/fetch" "$ip" "$replies" "$CONNECTIONS" 1
    if [ -n "$link" ]; then
        kill "$link"
        wait "$link"
        link=
        tail -n 1 "$BATS_TEST_TMPDIR/link"
        read -r -a words < <(tail -n 1 "$BATS_TEST_TMPDIR/link")
        for ((i = 2; i < ${#words[@]}; i += 2)); do
            [[ $2 != *"${words[i]}="* ]] || [ "${words[i + 1]}" -gt $((replies / 10)) ]
        done
    fi
    kill "$server_pid"
    ended 10
    [ "$server_status" -eq 0 ]
}

@test "netem: no fault" { faulty "delay 0" ""; }
@test "netem: 0.1 % loss" { faulty "loss 0.1%" "loss=0.1"; }
@test "netem: 1 % loss" { faulty "loss 1%" "loss=1"; }
@test "netem: 5 % loss" { faulty "loss 5%" "loss=5"; }
@test "netem: reordering" { faulty "delay 2ms reorder 90%" "reorder=10"; }
@test "netem: duplication" { faulty "duplicate 5%" "duplicate=5"; }
@test "netem: corruption" { faulty "corrupt 1%" "corrupt=1"; }
@test "netem: all at once" {
    faulty "delay 2ms reorder 95% loss 0.5% duplicate 1% corrupt 0.5%" "loss=0.5 reorder=5 duplicate=1 corrupt=0.5"
}
