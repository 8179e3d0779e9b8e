#!/usr/bin/env bats
# Cores, contexts, events and upcalls of the kernel (rows K1, K4, K5, K10, K13, K14, K15), with 1, 2
# and 4 virtual cores under TCG, and under KVM where /dev/kvm works. Needs qemu-system-x86.
BUILD=${BUILD:-build}

status_of() { echo $((($1 << 1 | 1) & 0xff)); }
GOOD=$(status_of 0x40)
CHECKED='checks, 0 failed$'
WHOLE='registers of (16|32|64) bytes broken 0 times$'

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    export ACCELS=tcg
    if [ -w /dev/kvm ] && ! timeout 10 qemu-system-x86_64 -M q35 -accel kvm -display none -nodefaults \
        -S -monitor stdio <<<quit 2>&1 | grep -qi 'failed to init'; then
        ACCELS="tcg kvm"
    fi
}
setup() { cd "$BATS_TEST_DIRNAME/../.." || return 1; }

# boot ACCEL CORES COMMAND: $status, $output without carriage returns; ACCEL may be "tcg -cpu MODEL"
boot() {
    local accel=$1 cores=$2 command=$3 machine=(-accel tcg -cpu max)
    [ "$accel" != kvm ] || machine=(-accel kvm -cpu host -bios qboot.rom)
    [ "$accel" = "${accel#tcg -cpu }" ] || machine=(-accel tcg -cpu "${accel#tcg -cpu }")
    status=0
    output=$(timeout 60 qemu-system-x86_64 -M q35 "${machine[@]}" -smp "$cores" -m 128 -nodefaults \
        -no-user-config -no-reboot -display none -serial stdio \
        -device isa-debug-exit,iobase=0xf4,iosize=4 -kernel "$BUILD/lib/nom/nom.elf" \
        -initrd "$BUILD/tests/initrd.cpio" -append "$command" 2>&1 </dev/null |
        tr -d '\r\0'; exit "${PIPESTATUS[0]}") || status=$?
    echo "--- $accel, $cores: $command: status $status"
    echo "$output"
}

says() { grep -qE -- "$1" <<<"$output" || { echo "missing: $1"; return 1; }; }
times() { [ "$(grep -cE -- "$2" <<<"$output")" -eq "$1" ] || { echo "not $1 times: $2"; return 1; }; }
ends() { [ "$status" -eq "$1" ] || { echo "status $status, not $1"; return 1; }; }

# apps N COMMAND: the command line of N apps, each with its number in the place of %g
apps() { seq -s ' -- ' -f "$2" "$1"; }

@test "K1: every core starts and is listed, and each app runs on its own" {
    for accel in $ACCELS; do
        for cores in 1 2 4 8; do
            [ "$accel" = tcg ] || [ "$cores" -le 4 ] || continue
            boot "$accel" "$cores" "hello a -- hello b -- hello c --exit 5"
            ends "$(status_of 0x45)"
            times "$cores" '^nom: core [0-7]$'
            times 2 '^nom: app hello ended: exit status 0$'
            says '^nom: app hello ended: exit status 5$'
            times 3 '^nom: app hello gave back: [0-9]{3,} KiB, 0 devices, 1 cores$'
        done
    done
}

@test "K10, K15: apps that share a core all go on, and keep every vector register by saving their own" {
    for accel in $ACCELS; do
        boot "$accel" 1 "share spin 0x5a 800 -- share spin 0xa5 800"
        ends "$GOOD"
        times 2 "^spin .*: rounds many, preempted often, answers some, $WHOLE"
        boot "$accel" 1 "share spin 1 1200 -- share spin 0xfe 1200 -- share spin 0x55 1200"
        ends "$GOOD"
        times 3 "^spin .*: rounds many, preempted often, answers some, $WHOLE"
        for cores in 2 4; do
            boot "$accel" "$cores" "$(apps $((cores + 1)) "share spin %g 700")"
            ends "$GOOD"
            times $((cores + 1)) "^spin .*, $WHOLE"
            [ "$(grep -c 'preempted often' <<<"$output")" -ge 2 ]
        done
    done
    # As the processor has them; the oldest without XSAVE.
    boot tcg 1 "share spin 0x5a 400 -- share spin 0xa5 400"
    times 2 'registers of 32 bytes broken 0'
    for cpu in max,-avx max,-xsave; do
        boot "tcg -cpu $cpu" 1 "share spin 0x5a 500 -- share spin 0xa5 500"
        times 2 '^spin .*preempted often, answers some, registers of 16 bytes broken 0 times$'
    done
}

@test "K10: an app that never answers is cut, and those beside it go on" {
    for accel in $ACCELS; do
        boot "$accel" 1 "share hog 500 -- share mute 500 -- share spin 0x5a 500"
        ends "$GOOD"
        says "^spin 0x5a: rounds many, preempted often, answers some, $WHOLE"
        times 3 '^nom: app share ended: exit status 0$'
        boot "$accel" 2 "share hog 300 -- hello --spin 2500 -- share spin 0x5a 300"
        ends "$GOOD"
        says "^spin 0x5a: rounds many, preempted often, answers some, $WHOLE"
        says '^spin: system calls [0-9]+, timer interrupts [1-9]' # those of the other core
    done
}

@test "K10, K15: whoever is cut loses its core and nothing else" {
    for accel in $ACCELS; do
        boot "$accel" 1 "share deaf 0x5a 500 -- share deaf 0xa5 500 -- share spin 0xfe 500"
        ends "$GOOD"
        times 2 "^deaf .*: rounds many, preempted often, answers none, $WHOLE"
        times 1 "^spin .*: rounds many, preempted often, answers some, $WHOLE"
        boot "$accel" 2 "$(apps 4 "share deaf %g 500")"
        ends "$GOOD"
        times 4 "^deaf .*: rounds many, preempted .*, answers none, $WHOLE"
    done
    # Without AVX, without XSAVE.
    for cpu in max,-avx max,-xsave; do
        boot "tcg -cpu $cpu" 1 "share deaf 0x5a 500 -- share deaf 0xa5 500"
        ends "$GOOD"
        times 2 '^deaf .*preempted often, answers none, registers of 16 bytes broken 0 times$'
    done
}

@test "K10, K15: nothing of another app is in the registers after a switch" {
    for accel in $ACCELS; do
        boot "$accel" 1 "share peek 30 -- share spin 0xa5 1000"
        ends "$GOOD"
        says '^peek: wiped often, foreign 0,'
        says "^spin 0xa5: .*$WHOLE"
    done
}

@test "K10, K13: an app takes cores and gives them back; a notification is a flag, a wake-up, an upcall" {
    for accel in $ACCELS; do
        for cores in 1 2 4; do
            kind=cores
            [ "$cores" -gt 1 ] || kind=self # no other core to take
            boot "$accel" "$cores" "events $kind"
            ends "$GOOD"
            says "^events $kind: [0-9]+ $CHECKED"
        done
    done
}

@test "K10: a core given back lets another app run at once" {
    for accel in $ACCELS; do
        boot "$accel" 4 "events hold 400 -- events take"
        ends "$GOOD"
        says "^events take: [0-9]+ $CHECKED"
        says '^nom: app events gave back: [0-9]+ KiB, 0 devices, 2 cores$'
        says "^events hold: [0-9]+ $CHECKED"
        # By its end: the two that shared the other core have one each.
        boot "$accel" 2 "share wait 1 -- hello -- share wait 2"
        ends "$GOOD"
        times 2 '^wait: own core, no slices any more$'
    done
}

@test "K5, K13: whoever owns the prices publishes them, and all others hear of it" {
    for accel in $ACCELS; do
        for cores in 1 2 4; do
            boot "$accel" "$cores" "events tell 2 -- events hear -- events hear"
            ends "$GOOD"
            says "^events tell: [0-9]+ $CHECKED"
            times 2 "^events hear: [0-9]+ $CHECKED"
        done
    done
}

@test "K10: a wait ends when its time is up, not before" {
    for accel in $ACCELS; do
        boot "$accel" 1 "share sleep 20 5 -- share sleep 10 11 -- share spin 3 300"
        ends "$GOOD"
        says '^sleep: 20 times, early 0, wrong 0$'
        says '^sleep: 10 times, early 0, wrong 0$'
        boot "$accel" 2 "share sleep 20 5 -- share sleep 10 11"
        ends "$GOOD"
        times 2 '^sleep: .* early 0, wrong 0$'
    done
}

@test "K9, K15: page faults and other exceptions are the app's own affair" {
    for accel in $ACCELS; do
        for cores in 1 2 4; do
            boot "$accel" "$cores" "events faults -- share spin 0x5a 300 -- events faults"
            ends "$GOOD"
            times 2 "^events faults: [0-9]+ $CHECKED"
            says "^spin 0x5a: .*$WHOLE"
        done
        boot "$accel" 1 "events decline"
        ends "$(status_of 0x3d)"
        says '^nom: app events ended: page fault \(read of an unmapped page\) at address 0x1ffffffff8, instruction 0x4'
    done
}

@test "K3, K9: a fault in the handler ends that app alone" {
    for accel in $ACCELS; do
        for cores in 1 2; do
            boot "$accel" "$cores" "share faults -- share spin 0x5a 300 -- crash null-write -- crash halt"
            ends "$(status_of 0x3d)"
            says '^nom: app share ended: page fault \(read of an unmapped page\) at address 0x4ffffff000'
            says '^nom: app crash ended: page fault \(write to an unmapped page\) at address 0x10'
            says '^nom: app crash ended: general protection fault'
            says "^spin 0x5a: .*$WHOLE"
            times 4 '^nom: app .* gave back: [0-9]{3,} KiB, 0 devices, 1 cores$'
        done
    done
}

@test "K4, K14: no timer and no call while one app a core polls" {
    # ms: when as many cores as that poll; more where the host was too slow for that. A kernel that
    # sets timers does so at any time.
    local poll=([1]="800 6000 15000" [2]="1200 6000 15000" [4]="3000 6000 15000") ms
    for accel in $ACCELS; do
        for cores in 1 2 4; do
            [ "$accel" = tcg ] || [ "$cores" -le 2 ] || continue
            for ms in ${poll[cores]}; do
                boot "$accel" "$cores" "$(apps "$cores" "share poll $ms %g")"
                ends "$GOOD"
                ! times "$cores" '^poll: timer interrupts 0, calls 0$' || break
            done
            times "$cores" '^poll: timer interrupts 0, calls 0$'
        done
    done
}
