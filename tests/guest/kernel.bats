#!/usr/bin/env bats
# Boots the kernel with small apps, under TCG and, where /dev/kvm works, under KVM; looks for what
# the console must say and for QEMU's exit status (runtime/abi/start.h). Needs qemu-system-x86, cpio.
BUILD=${BUILD:-build}

# QEMU's status for what the kernel writes to the exit port
status_of() { echo $((($1 << 1 | 1) & 0xff)); }
exit_status() { status_of $((0x40 + $1)); }
FAULT=$(status_of 0x3d)
BAD_COMMAND=$(status_of 0x3e)

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    export ACCELS=tcg KVM_MISSING=
    if [ ! -w /dev/kvm ]; then
        KVM_MISSING="no /dev/kvm"
    elif timeout 10 qemu-system-x86_64 -M q35 -accel kvm -display none -nodefaults -S \
        -monitor stdio <<<quit 2>&1 | grep -qi 'failed to init'; then
        KVM_MISSING="KVM does not start"
    else
        ACCELS="tcg kvm"
    fi
}
setup() { cd "$BATS_TEST_DIRNAME/../.." || return 1; }

# boot ACCEL COMMAND [QEMU ARGUMENT...]: $status, $output without carriage returns. $INITRD: another
# archive, or "none".
boot() {
    local accel=$1 command=$2 machine=(-accel tcg -cpu max)
    local initrd=(-initrd "${INITRD:-$BUILD/tests/initrd.cpio}")
    shift 2
    [ "$accel" = tcg ] || machine=(-accel kvm -cpu host -bios qboot.rom)
    [ "${INITRD:-}" != none ] || initrd=()
    status=0
    output=$(timeout 60 qemu-system-x86_64 -M q35 "${machine[@]}" -m 128 -nodefaults -no-user-config \
        -no-reboot -display none -serial stdio -device isa-debug-exit,iobase=0xf4,iosize=4 \
        -kernel "$BUILD/lib/nom/nom.elf" "${initrd[@]}" -append "$command" "$@" 2>&1 </dev/null |
        tr -d '\r\0'; exit "${PIPESTATUS[0]}") || status=$?
    echo "--- $accel: $command${*:+, $*}: status $status"
    echo "$output"
}

says() { grep -qE -- "$1" <<<"$output" || { echo "missing: $1"; return 1; }; }
ends() { [ "$status" -eq "$1" ] || { echo "status $status, not $1"; return 1; }; }

@test "kernel: KVM is there" {
    [ -z "$KVM_MISSING" ] || skip "$KVM_MISSING"
}

@test "kernel: one line for each resource" {
    for accel in $ACCELS; do
        boot "$accel" hello -smp 2 -netdev user,id=n -device virtio-net-pci,netdev=n,addr=3
        ends "$(exit_status 0)"
        says '^nom: clock [0-9]{9,} Hz \((kvmclock|HPET)\), calls by (syscall|fault)$'
        says '^nom: core 0$'
        says '^nom: core 1$'
        says '^nom: memory 1[23][0-9]{4} KiB$'
        says '^nom: pci 00:00\.0: 8086:29c0, class 06\.00$'
        says '^nom: pci 00:03\.0: 1af4:1000, class 02\.00$'
        says '^nom: pci 00:1f\.2: '
        [ "$(grep -c '^nom: pci' <<<"$output")" -eq 5 ]
    done
}

@test "kernel: arguments and exit status reach the other side" {
    for accel in $ACCELS; do
        boot "$accel" "  hello  one two=2   --three --exit 3 "
        ends "$(exit_status 3)"
        says '^argument 0: hello$'
        says '^argument 1: one$'
        says '^argument 3: --three$'
        says '^argument 5: 3$'
        says '^nom: app hello ended: exit status 3$'
        boot "$accel" "hello --exit 63"
        ends "$(exit_status 63)"
    done
}

@test "kernel: a command line that cannot run says why" {
    local many
    many=$(printf ' x%.0s' $(seq 64))
    local long
    long=$(printf 'y%.0s' $(seq 2100))
    for accel in $ACCELS; do
        boot "$accel" nosuch
        ends "$BAD_COMMAND"
        says '^nom: app nosuch cannot run: no file of this name in the initrd$'
        boot "$accel" ""
        ends "$BAD_COMMAND"
        says '^nom: command line: it names no app$'
        boot "$accel" "hello a -- hello b -- hello -- hello -- hello -- hello -- hello -- hello -- hello"
        ends "$BAD_COMMAND"
        says '^nom: command line: too many apps$'
        boot "$accel" "hello a -- nosuch b"
        ends "$BAD_COMMAND"
        says '^nom: app nosuch cannot run: no file of this name in the initrd$'
        boot "$accel" "hello --"
        ends "$BAD_COMMAND"
        says "^nom: command line: an app's name is missing"
        boot "$accel" "hello$many"
        ends "$BAD_COMMAND"
        says '^nom: command line: too many arguments for one app$'
        boot "$accel" "hello $long"
        ends "$BAD_COMMAND"
        says "^nom: command line: an app's arguments are too long$"
        boot "$accel" www/index.html
        ends "$BAD_COMMAND"
        says '^nom: app www/index.html cannot run: not an ELF file$'
        INITRD=none boot "$accel" hello
        ends "$BAD_COMMAND"
        says '^nom: app hello cannot run: there is no initrd to find it in$'
    done
}

# kind of fault, what the console says of it (TCG and KVM differ in places: either will do)
crashes() {
    cat <<'CRASHES'
divide divide error, instruction 0x4
debug debug trap, instruction 0x4
breakpoint breakpoint, instruction 0x4
software-interrupt (general protection fault|invalid instruction)
timer-vector (general protection fault|invalid instruction)
invalid invalid instruction, instruction 0x4
not-canonical general protection fault, instruction 0x4
stack-not-canonical (stack fault|general protection fault)
halt general protection fault, instruction 0x4
interrupts-off general protection fault, instruction 0x4
port-in general protection fault, instruction 0x4
port-out general protection fault, instruction 0x4
msr-read general protection fault, instruction 0x4
tables-set general protection fault, instruction 0x4
idt-set general protection fault, instruction 0x4
kernel-segment general protection fault \(selector or error 0x8\), instruction 0x4
nested-return general protection fault, instruction 0x4
null-read page fault \(read of an unmapped page\) at address 0x10, instruction 0x4
null-write page fault \(write to an unmapped page\) at address 0x10, instruction 0x4
null-execute page fault \(execution of an unmapped page\) at address 0x10, instruction 0x10$
code-write page fault \(write to a read-only page\) at address 0x4
constant-write page fault \(write to a read-only page\) at address 0x4
data-execute page fault \(execution of a data page\) at address 0x4
stack-execute page fault \(execution of a data page\) at address 0x6
grant-execute page fault \(execution of a data page\) at address 0x1
stack-overflow page fault \(write to an unmapped page\) at address 0x6
board-write page fault \(write to a read-only page\) at address 0x6
initrd-write page fault \(write to a read-only page\) at address 0x5
kernel-read page fault \(read of a page that is not the app's\) at address 0xffffffff80101000,
kernel-write page fault \(write to a page that is not the app's\) at address 0xffffffff80101000,
kernel-execute page fault \(execution of a page that is not the app's\) at address 0xffffffff80101000,
memory-read page fault \(read of a page that is not the app's\) at address 0xffff800000100000,
worker-read page fault \(read of an unmapped page\) at address 0x200000,
x87 x87 floating-point error, instruction 0x4
other-call (invalid instruction|page fault \(execution of a page that is not the app's\))
CRASHES
}

@test "kernel: every fault of an app ends it with one line" {
    local kind expected
    boot tcg "crash list"
    [ "$(sed -n 's/^kind //p' <<<"$output")" = "$(crashes | cut -d' ' -f1)" ]
    for accel in $ACCELS; do
        while read -r kind expected; do
            boot "$accel" "crash $kind"
            ends "$FAULT"
            says "^nom: app crash ended: $expected"
            says '^nom: app crash gave back: [0-9]+ KiB, 0 devices, 1 cores$'
            [ "$(grep -c '^nom: app' <<<"$output")" -eq 2 ]
        done < <(crashes)
    done
}

@test "kernel: bad system calls give their error and change nothing; no call of the app's goes uncounted" {
    for accel in $ACCELS; do
        for cores in 1 2 4; do
            boot "$accel" badcalls -smp "$cores"
            ends "$(exit_status 0)"
            says '^badcalls: 1[0-9]{2} checks, 0 failed$'
            says '^control \?\? characters?$'
        done
    done
}

@test "kernel: no timer, and nothing else, interrupts an app that computes" {
    for accel in $ACCELS; do
        boot "$accel" "hello --spin 400" -netdev user,id=n -device virtio-net-pci,netdev=n,romfile=
        ends "$(exit_status 0)"
        says '^spin: system calls 0, timer interrupts 0, device interrupts 0$'
    done
}

@test "kernel: memory is granted zeroed, contiguous, once, and until it ends" {
    for accel in $ACCELS; do
        boot "$accel" memory
        ends "$(exit_status 0)"
        says '^memory: [0-9]{3,} checks, 0 failed$'
    done
}

@test "kernel: apps know the date that the machine's clock has" {
    local date shown
    for accel in $ACCELS; do
        for date in 2024-02-29T23:59:58 2031-07-01T00:00:00 2040-12-31T12:00:00; do
            boot "$accel" "hello --date" -rtc base=$date
            ends "$(exit_status 0)"
            shown=$(sed -n 's/^date: //p' <<<"$output")
            # The clock runs from QEMU's start on, however long the guest takes to boot.
            [ "$((shown - $(date -u -d "$date" +%s)))" -ge -1 ]
            [ "$((shown - $(date -u -d "$date" +%s)))" -le 60 ]
        done
    done
}

@test "kernel: small and large machines" {
    boot tcg memory -m 48
    ends "$(exit_status 1)" # less than it wants is free, and nothing worse
    boot tcg hello -m 16
    ends "$(exit_status 0)"
    for accel in $ACCELS; do
        boot "$accel" hello -m 6144
        ends "$(exit_status 0)"
    done
}

@test "kernel: a device is mapped, answers, has one owner; through either firmware and both kinds of id" {
    for accel in $ACCELS; do
        boot "$accel" nic -netdev user,id=n -device virtio-net-pci,netdev=n,romfile=
        ends "$(exit_status 0)"
        says '^nic: bar 0, 32 bytes, not mapped$'
        says '^nic: bar 1, 4096 bytes, not mapped$'
        says '^nic: bar 4, 16384 bytes, mapped$'
        says '^nic: command 0x407, version 1: 1$'
        says '^nic: owner 1, second acquire gives -3, again by id -4$'
        says '^nic: calls into its registers give -2$'
        boot "$accel" nic -netdev user,id=n -device virtio-net-pci,netdev=n,disable-legacy=on,romfile=
        ends "$(exit_status 0)"
        says '^nic: command 0x406, version 1: 1$'
        boot "$accel" nic
        ends "$(exit_status 1)"
        says '^nic: acquire gives -3$'
    done
}

@test "kernel: a device behind a bridge is mapped" {
    boot tcg nic -device pcie-root-port,id=r,chassis=1 -netdev user,id=n \
        -device virtio-net-pci,netdev=n,bus=r,romfile=
    ends "$(exit_status 0)"
    says '^nom: pci 01:00\.0: 1af4:1041'
    says '^nic: command 0x406, version 1: 1$'
}

# Archive of files: name=source...
archive() {
    local out=$1 item
    local dir=$BATS_TEST_TMPDIR/archive
    rm -rf "$dir"
    shift
    for item in "$@"; do
        mkdir -p "$(dirname "$dir/${item%%=*}")"
        cp "${item#*=}" "$dir/${item%%=*}"
    done
    (cd "$dir" && find . -mindepth 1 | LC_ALL=C sort | sed 's,^\./,,' | cpio --quiet -o -H newc) >"$out"
}

@test "kernel: files of the initrd reach the app whole" {
    local a=$BATS_TEST_TMPDIR
    printf 'a line' >"$a/text"
    : >"$a/empty"
    head -c 3000000 /dev/zero | tr '\0' '\1' >"$a/large"
    archive "$a/initrd" files="$BUILD/tests/apps/files.elf" a/b/text="$a/text" empty="$a/empty" \
        large="$a/large"
    for accel in $ACCELS; do
        INITRD=$a/initrd boot "$accel" "files a/b/text"
        ends "$(exit_status 0)"
        says '^files: a/b/text: a line$'
        INITRD=$a/initrd boot "$accel" "files a/b"
        ends "$(exit_status 1)"
        INITRD=$a/initrd boot "$accel" files
        ends "$(exit_status 0)"
        says '^file empty 0 0$'
        says '^file large 3000000 3000000$'
        says '^files: [0-9]+ checks, 0 failed$'
        says "^file files $(wc -c <"$BUILD/tests/apps/files.elf") "
    done
}

@test "kernel: damaged archives are refused" {
    local a=$BATS_TEST_TMPDIR
    archive "$a/good" aaa="$BATS_TEST_FILENAME" hello="$BUILD/tests/apps/hello.elf"
    head -c 2000 "$a/good" >"$a/short"
    head -c 4096 /dev/zero >"$a/zeros"
    head -c 5000 /dev/urandom >"$a/noise"
    cp "$a/good" "$a/name"
    printf 'FFFFFFFF' | dd of="$a/name" bs=1 seek=94 conv=notrunc status=none
    cp "$a/good" "$a/size"
    printf 'FFFFFFF0' | dd of="$a/size" bs=1 seek=54 conv=notrunc status=none
    cp "$a/good" "$a/digit"
    printf 'g' | dd of="$a/digit" bs=1 seek=60 conv=notrunc status=none
    for archive in short zeros noise name size digit; do
        INITRD=$a/$archive boot tcg hello
        ends "$BAD_COMMAND"
        says '^nom: app hello cannot run: the initrd is damaged, or no cpio archive \(newc\)$'
    done
}

# poke FILE OFFSET HEX: overwrites bytes
poke() {
    # shellcheck disable=SC2001,SC2059 # every pair of digits becomes an escape, which printf expands
    printf "$(sed 's/../\\x&/g' <<<"$3")" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# offset, bytes, what the kernel says; the second segment is at 120, the fourth at 232
mutations() {
    cat <<'MUTATIONS'
0 7f454c47 not an ELF file
4 01 not an ELF file for x86-64
5 02 not an ELF file for x86-64
18 b700 not an ELF file for x86-64
16 0300 not a static executable
32 ffffffffffffffff the file is cut off: its list of segments
32 c8ffffffffffffff the file is cut off: its list of segments
54 3900 its list of segments makes no sense
56 0000 its list of segments makes no sense
56 ffff its list of segments makes no sense
24 0000000000000000 its entry lies in no executable segment
24 0000000080ffffff its entry lies in no executable segment
120 03000000 not a static executable
120 02000000 not a static executable
124 07000000 a segment is both writable and executable
128 ffffffffffffffff the file is cut off: a segment
128 00f0ffffffffffff the file is cut off: a segment
136 00001080ffffffff a segment lies outside the addresses of an app
136 0000000000000000 a segment lies outside the addresses of an app
136 00f0ffffffffffff a segment lies outside the addresses of an app
136 0000400000000000 segments overlap
152 ffffffffffffffff a segment is larger in the file than in memory
160 ffffffffffffffff a segment lies outside the addresses of an app
160 0000100000000000 segments overlap
272 0000002000000000 not enough memory
MUTATIONS
}

@test "kernel: an ELF file that makes no sense is refused" {
    local a=$BATS_TEST_TMPDIR offset bytes why
    strip -o "$a/good" "$BUILD/tests/apps/hello.elf"
    while read -r offset bytes why; do
        cp "$a/good" "$a/bad"
        poke "$a/bad" "$offset" "$bytes"
        archive "$a/initrd" bad="$a/bad"
        INITRD=$a/initrd boot tcg bad
        echo "offset $offset, bytes $bytes"
        ends "$BAD_COMMAND"
        says "^nom: app bad cannot run: $why"
    done < <(mutations)
    for size in 0 3 40 100 5000; do
        head -c "$size" "$a/good" >"$a/bad"
        archive "$a/initrd" bad="$a/bad"
        INITRD=$a/initrd boot tcg bad
        ends "$BAD_COMMAND"
        says '^nom: app bad cannot run: (not an ELF file|the file is cut off)'
    done
}

# The address of a symbol of the kernel, and where it lies in the file.
address_of() { nm "$BUILD/lib/nom/nom.elf" | awk -v n="$1" '$3 == n { print $1 }'; }
place_of() {
    local address start offset
    address=$((0x$(address_of "$1")))
    read -r offset start < <(readelf -lW "$BUILD/lib/nom/nom.elf" | awk '$1 == "LOAD" { print $2, $3; exit }')
    echo $((address - start + offset))
}

@test "kernel: a broken kernel says where, and stops the machine" {
    local broken=$BATS_TEST_TMPDIR/broken name=nk_device_start hex
    hex=$(address_of "$name" | sed 's/^0*//')
    for accel in $ACCELS; do
        for case in "0f0b:invalid instruction in the kernel at 0x$hex," \
            "488b042510000000:page fault in the kernel at 0x$hex, address 0x10," \
            "50ebfd:double fault in the kernel at 0x$hex,"; do
            cp "$BUILD/lib/nom/nom.elf" "$broken"
            poke "$broken" "$(place_of "$name")" "${case%%:*}"
            boot "$accel" hello -kernel "$broken"
            ends "$(status_of 0x3f)"
            says "^nom: panic: ${case#*:}"
        done
    done
}

@test "kernel: a processor that lacks what is needed is named" {
    boot tcg hello -cpu qemu64
    ends "$(status_of 0x3f)"
    says '^nom: panic: this processor has no FSGSBASE'
    boot tcg hello -cpu max,nx=off
    ends "$(status_of 0x3f)"
    says 'nom: panic: this processor has no long mode or cannot protect pages'
}

@test "kernel: the TSC's frequency is the same by every clock" {
    local hpet pm
    rate() { sed -n 's/^nom: clock \([0-9]*\)[0-9]\{6\} Hz.*/\1/p' <<<"$output"; }
    boot tcg hello
    says 'HPET'
    hpet=$(rate)
    boot tcg hello -no-hpet
    says 'PM timer'
    pm=$(rate)
    [ $((pm - hpet)) -le $((hpet / 50)) ] && [ $((hpet - pm)) -le $((hpet / 50)) ]
}

@test "kernel: only instructions that every KVM interprets in ring 0" {
    local mnemonics='cmpxchg(8|16)b|stac|clac|xsave[a-z]*|xrstor[a-z]*|xgetbv|rdtscp|invpcid|int3|popcnt|[lt]zcnt|andn|bextr|bls[a-z]+|bzhi|mulx|p(dep|ext)|rorx|s(ar|hl|hr)x|ad[co]x|movbe|crc32[a-z]*|monitor|mwait|f[a-z]+|emms|[lms]fence|prefetch[a-z0-9]*|rd(rand|seed)|v[a-z0-9]+'
    local forbidden="%[xyz]mm[0-9]|%st\\b|%k[0-7]|^((lock|rep[nz]*|cs|data16) )*($mnemonics)\\b"
    # The worker's code is not for ring 0.
    objdump -d --no-show-raw-insn "$BUILD/lib/nom/nom.elf" |
        sed '/<nk_worker_\(zero\|copy\|syscall\|registers\|keys\)>:/,/^$/d' |
        sed -n 's/^ *[0-9a-f]*:\t//p' | sed 's/[<#].*//' >"$BATS_TEST_TMPDIR/instructions"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/instructions")" -gt 1000 ]
    run grep -E "$forbidden" "$BATS_TEST_TMPDIR/instructions"
    echo "$output"
    [ "$status" -eq 1 ]
    # The pattern itself finds what it is for.
    for bad in 'movq   %rax,%xmm0' 'lock cmpxchg16b (%rdi)' 'int3' 'fninit' 'tzcnt  %rax,%rbx' 'stac' \
        'vmovdqu (%rax),%ymm1' 'kmovq  %k1,%rax'; do
        grep -qE "$forbidden" <<<"$bad"
    done
}

@test "kernel: no app speaks as the kernel" {
    boot tcg "device speak"
    ends "$(exit_status 0)"
    says '^nom[?] app device ended: exit status 0$'
    says '^nom[?] panic$'
    says '^no nom: here$'
    says '^nomad$'
    [ "$(grep -c '^nom: app device ended' <<<"$output")" -eq 1 ]
}
