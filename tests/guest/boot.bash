# Boots the kernel with test apps and waits until the machine ends; for .bats files that want no
# network. Needs qemu-system-x86.
#
#   boot_accels         in setup_file: sets ACCELS to "tcg", or "tcg kvm" where KVM starts a guest
#   boot ACCEL COMMAND [QEMU ARGUMENT...]   $status, $output without carriage returns
#   says REGEX, ends STATUS                 fail with a word about what is missing
BUILD=${BUILD:-build}

boot_accels() {
    export ACCELS=tcg
    if [ -w /dev/kvm ] && ! timeout 10 qemu-system-x86_64 -M q35 -accel kvm -display none -nodefaults \
        -S -monitor stdio <<<quit 2>&1 | grep -qi 'failed to init'; then
        ACCELS="tcg kvm"
    fi
}

boot() {
    local accel=$1 command=$2 machine=(-accel tcg -cpu max)
    shift 2
    [ "$accel" = tcg ] || machine=(-accel kvm -cpu host -bios qboot.rom)
    status=0
    output=$(timeout 60 qemu-system-x86_64 -M q35 "${machine[@]}" -m 128 -nodefaults -no-user-config \
        -no-reboot -display none -serial stdio -device isa-debug-exit,iobase=0xf4,iosize=4 \
        -kernel "$BUILD/lib/nom/nom.elf" -initrd "$BUILD/tests/initrd.cpio" -append "$command" "$@" \
        2>&1 </dev/null | tr -d '\r\0'; exit "${PIPESTATUS[0]}") || status=$?
    echo "--- $accel: $command${*:+, $*}: status $status"
    echo "$output"
}

# QEMU's status for an app's exit status (runtime/abi/start.h)
exit_status() { echo $(((0x40 + $1) << 1 | 1)); }

says() { grep -qE -- "$1" <<<"$output" || { echo "missing: $1"; return 1; }; }
ends() { [ "$status" -eq "$1" ] || { echo "status $status, not $1"; return 1; }; }
