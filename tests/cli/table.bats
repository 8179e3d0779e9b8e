#!/usr/bin/env bats
# Tables: built from seeded profiles (seed.c), shown, chosen from, damaged.
load lib.bash
setup() {
    cli_setup
    seed profile "$db" kvm
}

table() { nomctl table nhttpd --db "$db" "$@"; }

@test "table: built from the newest profile, and shown" {
    gives table -o t
    [ "$output" = "t: 8 rows, from session 1 (nhttpd on nom under kvm)" ]
    seed profile "$db" tcg
    gives table -o t
    [[ $output == *"session 2 (nhttpd on nom under tcg)" ]]
    gives table --accel kvm -o t
    [[ $output == *"session 1 "* ]]
    gives table --session 1 -o t
    [[ $output == *"session 1 "* ]]
    gives nomctl table show t
    [[ $output == *"nhttpd on nom under kvm, session 1"* ]]
    [[ $output == *"utility penalty:"* ]]
    [ "$(grep -cE '^[* ] +[0-7] +(1|32) ' <<<"$output")" -eq 8 ]
    grep -qE '^\* +[0-7] +32 +8 +260000 +170\.0 +40\.0 ' <<<"$output"
    [[ $output == *"chosen at 32 connections"*"send nothing: every row loses"* ]]
}

@test "table: what cannot be found is said" {
    fails 2 "the database has no session 9" table --session 9 -o t
    fails 1 "the database has no profile of nhttpd under tcg yet: run: nomctl profile nhttpd --accel tcg" \
        table --accel tcg -o t
    [ ! -e t ]
}

@test "table: a session without a good trial gives none" {
    seed failed "$db"
    fails 1 "session 2 has no good trial" table --session 2 -o t
    [ ! -e t ]
    gives table -o t # the newest with good ones
}

@test "table: JSON" {
    gives table -o t --json
    built=$output
    documented
    gives nomctl table show t --json
    documented
    [ "$(jq -c .table <<<"$output")" = "$(jq -c .table <<<"$built")" ]
    [ "$(jq -c '[.schema, .file, .table.app, .table.accel, .table.session, (.table.rows | length)]' <<<"$output")" = \
        '[1,"t","nhttpd","kvm",1,8]' ]
    [ "$(jq -c '.table.rows[] | select(.connections == 32 and .delay_us == 8) |
        [.throughput_ops, .latency_mean_us, .jitter_us, .useful_gbit_per_s, .gbit_out_per_s, .samples, .on_frontier]' \
        <<<"$output")" = '[260000,170,40,0.52,0.65,3,true]' ]
}

@test "table: an unwritable place" {
    touch file
    fails 1 "cannot write the table: file/t: Not a directory" table -o file/t
    fails 1 "cannot write the table: none/t: No such file" table -o none/t
    mkdir dir
    fails 1 "cannot write the table: dir:" table -o dir
    [ -d dir ] && [ ! -e dir.new ]
}

@test "table: replaced as a whole, and what a killed writer left is taken over" {
    echo old >t
    head -c 100000 /dev/zero >t.new
    ln t old
    gives table -o t
    [ "$(cat old)" = old ] # the old file itself was not written to
    [ ! -e t.new ]
    gives nomctl table show t
}

@test "table: a full disk leaves the old table whole" {
    unshare -m true 2>/dev/null || skip "needs root, and a root file system that is a mount"
    mkdir small
    # shellcheck disable=SC2016 # expanded by the shell inside
    fails 1 "cannot write the table: small/t: No space left on device" unshare -m sh -c '
        mount -t tmpfs -o size=8k none small && echo old >small/t && head -c 4096 /dev/zero >small/rest
        "$0" table nhttpd --db "$1" -o small/t
        code=$?
        [ "$(cat small/t)" = old ] && [ ! -e small/t.new ] && exit $code' "$BUILD/bin/nomctl" "$db"
}

@test "choose: the row that earns most, by hand" {
    gives table -o t
    gives nomctl choose --table t --load many --price 10
    # 0.52 Gbit/s of 20 $/Gbit, less 0.65 Gbit/s at 10 $/Gbit
    [[ $output == *"W = 8 us"*"profit 3.9 \$/s expected at 10 \$/Gbit"* ]]
    gives nomctl choose --table t --load single --price 10 --json
    documented
    [ "$(jq -c '[.sending, .load, .level_connections, .row.delay_us, .row.kick]' <<<"$output")" = \
        '[true,"single",1,0,"natural"]' ]
    [ "$(jq '.profit_usd_per_s * 1e6 | round' <<<"$output")" = 450000 ]
    # nearest by ratio: 5 is nearer to 1, 6 to 32
    gives nomctl choose --table t --load 5 --price 10 --json
    [ "$(jq .level_connections <<<"$output")" = 1 ]
    gives nomctl choose --table t --load 6 --price 10 --json
    [ "$(jq .level_connections <<<"$output")" = 32 ]
}

@test "choose: where every row loses, sending nothing is the choice" {
    gives table -o t
    gives nomctl choose --table t --load many --price 17
    [[ $output == "send nothing: at 17 \$/Gbit"* ]]
    gives nomctl choose --table t --load many --price 17 --json
    [ "$(jq -c '[.sending, .row, .profit_usd_per_s]' <<<"$output")" = '[false,null,0]' ]
}

@test "choose: the table's utility, and another" {
    gives table --utility penalty:l0_us=230 -o t
    gives nomctl choose --table t --load many --price 1 --json
    [ "$(jq -c '[.row.delay_us, .row.kick]' <<<"$output")" = '[0,"natural"]' ]
    [ "$(jq '.utility.l0_us | round' <<<"$output")" = 230 ]
    gives nomctl choose --table t --load many --price 1 --utility penalty --json
    [ "$(jq .row.delay_us <<<"$output")" = 8 ]
    fails 2 "price: 'x' is not a number" nomctl choose --table t --load many --price x
    fails 2 "load: 'x' is neither" nomctl choose --table t --load x --price 1
}

# What a damaged table does to each command that takes one.
refused() {
    local text=$1
    fails 2 "$text" nomctl table show t
    fails 2 "$text" nomctl choose --table t --load many --price 1
    fails 2 "$text" nomctl deploy t --to 127.0.0.1:1
    fails 2 "$text" nomctl run nhttpd --db "$db" --table t
}

@test "a truncated table" {
    gives table -o whole
    head -c 1000 whole >t
    refused "t: not a usable table:"
    head -c 10 whole >t
    refused "t: not a usable table:"
    : >t
    refused "t: not a usable table:"
}

@test "a table with a flipped bit, anywhere" {
    gives table -o whole
    size=$(stat -c %s whole)
    for at in 0 8 16 20 24 40 $((size / 2)) $((size - 1)); do
        cp whole t
        byte=$(od -An -tu1 -j "$at" -N 1 whole)
        printf '%b' "\\x$(printf %x $((byte ^ 4)))" | dd of=t bs=1 seek="$at" conv=notrunc status=none
        ! cmp -s whole t
        fails 2 "t: not a usable table:" nomctl table show t
    done
    refused "t: not a usable table:"
}

@test "what is no table: longer, of zeros, a directory, missing" {
    gives table -o whole
    cat whole whole >t
    refused "t: not a usable table:"
    head -c 3000000 /dev/zero >t
    refused "table t: more than"
    rm t && mkdir t
    refused "table t: Is a directory"
    rmdir t
    refused "table t: No such file or directory"
}

@test "a table of another app" {
    seed table t memcached
    gives nomctl table show t
    fake_qemu "exit 1"
    fails 2 "t: a table of memcached, not of nhttpd" nomctl run nhttpd --db "$db" --accel tcg --table t
    [ ! -s runs ] # no guest was started for it
}
