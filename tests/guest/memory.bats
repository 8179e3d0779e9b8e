#!/usr/bin/env bats
# Frames, and what apps do with them. See boot.bash.
load boot.bash

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    boot_accels
}
setup() { cd "$BATS_TEST_DIRNAME/../.." || return 1; }

# Every page of memory is tried where a call costs a microsecond, every 61st where it costs fifty.
@test "K9: an app maps, protects, moves and frees frames of its own; K3: none of another's" {
    boot tcg frames
    ends "$(exit_status 0)"
    says '^frames: [0-9]{3,} checks, 0 failed$'
    for accel in $ACCELS; do
        boot "$accel" "frames 61"
        ends "$(exit_status 0)"
        says '^frames: [0-9]{3,} checks, 0 failed$'
    done
}

@test "K9: frames on the smallest machine and on a large one" {
    local size
    for size in 16 17 700 3000; do
        boot tcg "frames $((size < 100 ? 61 : 1021))" -m "$size"
        ends "$(exit_status 0)"
    done
}

@test "K2: of 16 MiB an app finds 12 free" {
    tools/make-initrd "$BATS_TEST_TMPDIR/initrd" "$BUILD/tests/apps/frames.elf" # no more than it needs
    boot tcg "frames 61" -m 16 -initrd "$BATS_TEST_TMPDIR/initrd"
    [ "$(sed -n 's/^frames: \([0-9]*\) KiB free.*/\1/p' <<<"$output")" -ge $((12 << 10)) ]
}

# The apps themselves compare the bytes free on the board before and after.
@test "K13: two apps that agreed share memory and hear of each other, on 1, 2 and 4 cores" {
    local cores accel
    for cores in 1 2 4; do
        for accel in $ACCELS; do
            boot "$accel" "channel offer 2 -- channel accept 1" -smp "$cores" -m 32
            ends "$(exit_status 0)"
            [ "$(grep -cE '^channel: 2[0-9]{2} checks, 0 failed$' <<<"$output")" -eq 2 ]
        done
    done
}

@test "K13: one side ends; the other keeps the memory until it closes, and all of it comes back" {
    local accel
    for accel in $ACCELS; do
        boot "$accel" "channel offer 2 quit -- channel accept 1" -smp 2 -m 32
        ends "$(exit_status 0)"
        [ "$(grep -cE '^channel: 2[0-9]{2} checks, 0 failed$' <<<"$output")" -eq 2 ]
    done
}

@test "K13: offers that nobody accepts leave others their share, and come back" {
    boot tcg "channel hog 2 -- channel patient 1" -m 32
    ends "$(exit_status 0)"
    [ "$(grep -cE '^channel: [0-9]+ checks, 0 failed$' <<<"$output")" -eq 2 ]
}

@test "K9: what an app takes from itself is gone on all of its cores when the call returns" {
    local accel
    for accel in $ACCELS; do
        boot "$accel" shoot -smp 2
        ends "$(exit_status 0)"
        says '^shoot: [0-9]{4} checks, 0 failed$'
    done
}

# By exit, by a fault, and with frames and a channel in hand.
@test "K3: whatever apps did and however they end, every byte comes back" {
    local cores free
    for cores in 1 2 4; do
        boot tcg watch -m 64 -smp "$cores"
        free=$(sed -n 's/^watch: \([0-9]* bytes free\)$/\1/p' <<<"$output")
        [ -n "$free" ]
        boot tcg "watch -- frames 61 -- channel hog 1 -- crash null-write -- memory -- crash stack-overflow" \
            -m 64 -smp "$cores"
        says "^watch: $free\$"
        [ "$(grep -cE '^nom: app [a-z]+ gave back: [0-9]{3,} KiB' <<<"$output")" -ge 5 ]
        says '^nom: app crash ended: page fault'
    done
}
