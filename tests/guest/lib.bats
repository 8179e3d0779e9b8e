#!/usr/bin/env bats
# The library's side of the kernel, in real guests: upcalls, vector registers, lazy memory, cores,
# user threads (tests/guest/apps/lib.c). Under TCG and, where it works, under KVM.
load boot.bash

FAULT=$((0x3d << 1 | 1)) # runtime/abi/start.h

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    boot_accels
}
setup() { cd "$BATS_TEST_DIRNAME/../.." || return 1; }

# good CORES COMMAND CHECKS: under each accelerator, every check of it passes.
good() {
    local accel
    for accel in $ACCELS; do
        boot "$accel" "$2" -smp "$1"
        ends "$(exit_status 0)"
        says "^lib: $3 checks, 0 failed$"
    done
}

@test "lib: an event's handler leaves every register as it was; waits end with what is pending" {
    good 1 "lib events" 1004
    says '^lib: vector registers (AVX-512|AVX|SSE), [0-9]+ bytes$'
}

@test "lib: vector registers survive pre-emption, two apps on one core" {
    for accel in $ACCELS; do
        boot "$accel" "lib vectors 1 -- lib vectors 2"
        ends "$(exit_status 0)"
        [ "$(grep -cE '^lib: [0-9]+ checks, 0 failed$' <<<"$output")" -eq 2 ]
    done
}

@test "lib: memory fills as it is touched, in pieces, zeroed; an app's own fault handler" {
    good 1 "lib lazy" 10
}

@test "lib: the page below, no memory left, a fault in a handler: each ends the app with the kernel's line" {
    for accel in $ACCELS; do
        boot "$accel" "lib below"
        ends "$FAULT"
        local address
        address=$(sed -n 's/^lib: touching //p' <<<"$output")
        says "^nom: app lib ended: page fault \(read of an unmapped page\) at address 0x$address,"
        boot "$accel" "lib all-memory"
        ends "$FAULT"
        says '^nom: app lib ended: page fault \(write to an unmapped page\) at address 0x20'
        boot "$accel" "lib in-handler"
        ends "$FAULT"
        says '^nom: app lib ended: page fault \(write to an unmapped page\) at address 0x20'
    done
}

@test "lib: cores are taken and given back" {
    good 2 "lib cores" 40
    boot tcg "lib cores" -smp 4
    ends "$(exit_status 0)"
    says '^lib: 80 checks, 0 failed$'
}

@test "lib: user threads on 1, 2 and 4 cores" {
    for cores in 1 2 4; do
        good "$cores" "lib threads $cores" 3
        says "^lib: threads on $cores cores\$"
    done
}

@test "lib: threads that have something to do make no call and no fault" {
    good 1 "lib quiet" 2
}
