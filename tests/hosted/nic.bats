#!/usr/bin/env bats
# The Linux floor by itself: its NIC, waiting, memory, clock and board, driven by nic.c from both ends
# of a veth pair.
# shellcheck disable=SC2154 # BUILD is lib.bash's
load lib.bash

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    hosted_net
}
teardown() { hosted_end; }

nic() { in_net timeout 120 "$BUILD/tests/hosted/nic" --interface nom1 -- "$1"; }

@test "floor: frames of every size arrive whole" { nic sizes; }
@test "floor: all buffers lent, given back in any order" { nic lent; }
@test "floor: a full ring loses frames, counts them and goes on" { nic overflow; }
@test "floor: frames too long or tagged are errors, those of others are not seen" { nic odd; }
@test "floor: frames of one to eight pieces are sent at the kick" { nic pieces; }
@test "floor: full rings, and bursts over their end" { nic bursts; }
@test "floor: checksums are left to whom needs them, both ways" { nic checksums; }
@test "floor: frames for a link that is down are given up and counted" { nic down; }
@test "floor: waits end with a frame, a notification, or the time" { nic waiting; }
@test "floor: the clock goes as the kernel's does" { nic clocks; }
@test "floor: the board says what it should, and cannot be written" { nic board; }
@test "floor: memory is zeroed, aligned and apart" { nic memories; }
