#!/usr/bin/env bats
# What a machine may lack: named, with the package that has it.
load lib.bash
setup() { cli_setup; }

# in_path DIRS ARG...: nomctl, with nothing else in PATH
in_path() {
    local PATH=$1
    shift
    "$BUILD/bin/nomctl" "$@"
}

@test "QEMU missing" {
    fails 3 "qemu-system-x86_64 is not in PATH: install it with: apt-get install qemu-system-x86" \
        in_path /nonexistent profile nhttpd --on nom --db "$db"
    fails 3 "qemu-system-x86_64 is not in PATH" in_path /nonexistent run nhttpd --on nom --db "$db" --delay 0
}

@test "wrk missing, where it is asked for" {
    fake_qemu "exit 1"
    fails 3 "wrk is not in PATH: install it with: apt-get install wrk" \
        in_path "$PWD/fake" profile nhttpd --db "$db" --client wrk
}

@test "gnuplot missing" {
    seed profile "$db" kvm
    fails 3 "gnuplot is not in PATH: install it with: apt-get install gnuplot" \
        in_path /nonexistent report nhttpd --db "$db" -o r
    [ ! -e r ]
}

@test "guest files missing" {
    fake_qemu "exit 1"
    rm guest/nom.elf
    fails 3 "no nom kernel at $PWD/guest/nom.elf" nomctl profile nhttpd --db "$db"
}

@test "an accelerator that does not work" {
    fake_qemu "exit 1"
    sed -i 's/^selfcheck.*/selfcheck*) exit 1 ;;/' fake/qemu-system-x86_64
    fails 3 "accelerator tcg: tcg cannot be used: the nom kernel does not boot" \
        nomctl profile nhttpd --db "$db" --accel tcg
    fails 3 "accelerator auto: neither accelerator works" nomctl profile nhttpd --on nom --db "$db"
    fails 3 "neither nom nor hosted works here: neither accelerator works" nomctl profile nhttpd --db "$db"
    [ ! -s runs ]
}

@test "doctor: with nothing to run it is not ready, and says all else" {
    mkdir guest # no hosted form in it
    cp "$BUILD"/lib/nom/{nom.elf,initrd.cpio,nhttpd.elf} guest/
    NOM_HOME=$PWD/guest run --separate-stderr in_path /nonexistent doctor
    echo "$output"
    [ "$status" -eq 3 ]
    [ -z "$stderr" ]
    [[ $output == *"qemu-system-x86_64   missing, needed for nom, linux and osv: apt-get install qemu-system-x86"* ]]
    [[ $output == *"gnuplot              missing, needed for report: apt-get install gnuplot-nox"* ]]
    [[ $output == *"wrk                  missing"* ]]
    [[ $output == *"not ready for nomctl profile" ]]
}

@test "doctor: JSON, ready and not" {
    fake_qemu "exit 1"
    gives nomctl doctor --json
    documented
    [ "$(jq -c '[.floors[] | [.name, (.works | type), (.detail | length > 0)]]' <<<"$output")" = \
        '[["nom","boolean",true],["hosted","boolean",true],["host","boolean",true],["linux","boolean",true],["osv","boolean",true]]' ]
    [ "$(jq -c '[.floors[] | select(.name == "nom" or .name == "hosted" or .name == "osv") | .works]' <<<"$output")" = \
        '[true,false,false]' ] # no hosted form in NOM_HOME, no image
    [ "$(jq -r .recommended <<<"$output")" = nom ]
    [ "$(jq -c '[.schema, .ready, (.accelerators | map(.accel))]' <<<"$output")" = '[1,true,["kvm","tcg"]]' ]
    [ "$(jq -r '.tools[] | select(.tool == "qemu-system-x86_64") | .version' <<<"$output")" = "QEMU emulator version 0" ]
    [ "$(jq -c '.accelerators[1] | [.works, .kind, .ring0_ns, .ring3_ns]' <<<"$output")" = '[true,"translated",1,1]' ]
    [[ $(jq -r .network.kind <<<"$output") == tap || $(jq -r .network.kind <<<"$output") == user ]]
    rm guest/initrd.cpio
    run --separate-stderr nomctl doctor --json
    [ "$status" -eq 3 ]
    [ "$(jq -c '[.ready, .auto.accel, .recommended]' <<<"$output")" = '[false,null,null]' ]
    [ "$(jq '[.floors[] | select(.works)] | length' <<<"$output")" = 0 ]
    [ "$(jq -c '.files[] | select(.file == "initrd") | .present' <<<"$output")" = false ]
}
