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
        boot tcg "frames 1021" -m "$size"
        ends "$(exit_status 0)"
    done
}

@test "K2: of 16 MiB an app finds 12 free" {
    boot tcg "frames 61" -m 16
    [ "$(sed -n 's/^frames: \([0-9]*\) KiB free.*/\1/p' <<<"$output")" -ge $((12 << 10)) ]
}
