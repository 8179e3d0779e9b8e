#!/usr/bin/env bats
# Apps beside nhttpd, as processes: memcached and netpipe with our stack against Debian's own programs
# on Linux's. As root, and as a user without any right. What is not built or not installed is skipped,
# with the reason.
# shellcheck disable=SC2154 # db, output: of lib.bash and bats
load ../cli/lib.bash
load place.bash

user_home=$HOME # cli_setup gives another

setup() { place_setup; }
teardown() { place_end; }

# needs APP PROGRAM...
needs() {
    [ -x "$BUILD/lib/nom/hosted/$1" ] || skip "lib/nom/hosted/$1 is not built"
    shift
    for program; do
        command -v "$program" >/dev/null || skip "$program is not installed"
    done
}

compare() {
    measures "${prefix[@]}" "$place/bin/nomctl" compare "$@" --on hosted,host --db "$db" --repeats 1 \
        --seconds 0.5 --warmup 1.2 --accept-noisy --json
    documented
    [ "$(jq '.failed' <<<"$output")" = "$starved" ]
}
sql() { sqlite3 "$db" "$1"; }

memcached_well() {
    needs memcached memcached
    become "$1"
    compare memcached --loads 1,8 --value-size 100 --get-ratio 0.5 --pipeline 4
    [ "$starved" -gt 0 ] ||
        [ "$(jq -c '[.ratios[] | [.connections, .a, .b]]' <<<"$output")" = '[[1,"hosted","host"],[8,"hosted","host"]]' ]
    [ "$(jq -c '[.client, .traffic.protocol, .traffic.value_bytes, .traffic.pipeline, .traffic.path]' <<<"$output")" = \
        '["nom","memcached-text",100,4,null]' ]
    [ "$(sql 'SELECT DISTINCT protocol, get_ratio, keys, value_bytes, pipeline FROM trial')" = 'memcached-text|0.5|10000|100|4' ]
    none_of_ours
}

@test "memcached: hosted against Debian's, as root" { memcached_well root; }
@test "memcached: hosted against Debian's, as nobody" { memcached_well nobody; }

@test "memcached: the binary protocol, and memaslap" {
    needs memcached memcached memcaslap
    become root
    compare memcached --loads 4 --protocol binary
    compare memcached --loads 4 --client memaslap
    [ "$(sql 'SELECT DISTINCT client, protocol FROM trial ORDER BY 1')" = $'memaslap|memcached-text\nnom|memcached-binary' ]
    none_of_ours
}

@test "memcached: a profile is one of its load, a run follows it, and tells of another load" {
    needs memcached memcached
    become root
    measures "${prefix[@]}" "$place/bin/nomctl" profile memcached --on hosted --db "$db" --delays 0,4 --loads 2 \
        --repeats 1 --seconds 0.5 --warmup 0.1 --accept-noisy --value-size 100 --json
    documented
    [ "$(jq -c '.traffic.value_bytes' <<<"$output")" = 100 ]
    profiled 3
    runs "${prefix[@]}" "$place/bin/nomctl" run memcached --on hosted --db "$db" --load 2 --seconds 1
    [ "$status" -eq 0 ]
    [[ $stderr == *"the table was measured with memcached text, "*"values of 100 bytes"*"; this run is of "*"values of 1024 bytes"* ]]
    [[ $output == *"every system call it made is supported"* || $output == *"asked for and not supported: "* ]]
    runs "${prefix[@]}" "$place/bin/nomctl" run memcached --on hosted --db "$db" --load 2 --seconds 1 --json
    [ "$status" -eq 0 ]
    documented
    [ "$(jq '.not_supported | type' <<<"$output")" = '"array"' ]
    none_of_ours
}

@test "memcached: profiled with the memaslap that is built from source" {
    needs memcached memcached cmake c++ bison flex
    become root
    local repository built
    repository=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    built=$repository/build/bin/memaslap # once, whatever is tested
    [ -x "$built" ] || HOME=$user_home "$repository/tools/fetch-sources" libmemcached >/dev/null 2>&1 ||
        skip "the source of libmemcached cannot be fetched"
    HOME=$user_home "$repository/tools/build-memaslap" "$(dirname "$built")"
    mkdir "$place/first"
    printf '#!/bin/sh\necho "$@" >>"%s"\nexec "%s" "$@"\n' "$place/calls" "$built" >"$place/first/memaslap"
    chmod 755 "$place/first/memaslap"
    PATH=$place/first:$PATH measures "${prefix[@]}" "$place/bin/nomctl" profile memcached --on hosted --db "$db" \
        --client memaslap --delays 0 --loads 2 --repeats 1 --seconds 1 --warmup 0 --accept-noisy --value-size 100 --json
    documented
    [ "$(jq -c '[.client, .traffic.value_bytes]' <<<"$output")" = '["memaslap",100]' ]
    profiled 2
    [ "$(jq '[.points[].throughput_ops > 0] | all' <<<"$output")" = true ]
    [ "$(wc -l <"$place/calls")" -eq 2 ] # W = 0 natural and strict
    none_of_ours
}

@test "netpipe: a profile, its report, and a run by its own table" {
    needs netpipe NPtcp
    become root
    measures "${prefix[@]}" "$place/bin/nomctl" profile netpipe --on hosted --db "$db" --delays 0,500 \
        --repeats 1 --seconds 0.3 --warmup 0.1 --accept-noisy --message-size 256 --json
    documented
    [ "$(jq -c '[.client, .traffic.message_bytes]' <<<"$output")" = '["nptcp",256]' ]
    profiled 3
    [ "$starved" -gt 0 ] || [ "$(jq -c '[.points[] | [.load, .connections, .delay_us, .kick]] | sort' <<<"$output")" = \
        '[["single",1,0,"natural"],["single",1,0,"strict"],["single",1,500,"natural"]]' ]
    # There and back no machine is so fast that it would skip W.
    [ "$(jq '[.points[] | select(.delay_us == 500) | .latency_mean_us >= 250 and .throughput_ops <= 2000] | all' <<<"$output")" = true ]
    local rows=$((3 - starved))
    gives "${prefix[@]}" "$place/bin/nomctl" table netpipe --db "$db" \
        --utility simple -o "$place/here/own.table"
    if command -v gnuplot >/dev/null; then
        gives "${prefix[@]}" "$place/bin/nomctl" report netpipe --db "$db" -o "$place/here/report"
        grep -q 'NetPIPE, messages of 256 bytes' "$place/here/report/index.html"
    fi
    runs "${prefix[@]}" "$place/bin/nomctl" run netpipe --on hosted --db "$db" \
        --table "$place/here/own.table" --load single --seconds 1 --json
    [ "$status" -eq 0 ]
    documented
    [ "$(jq -c '[.app, .table.rows, (.phases[0] | .serving, .errors, .replies > 0)]' <<<"$output")" = "[\"netpipe\",$rows,true,0,true]" ]
    none_of_ours
}

netpipe_well() {
    needs netpipe NPtcp
    become "$1"
    compare netpipe --message-size 256
    [ "$(jq -c '[.client, .traffic.message_bytes, .traffic.bidirectional, (.ratios | length)]' <<<"$output")" = \
        '["nptcp",256,false,1]' ]
    [ "$(sql "SELECT DISTINCT load, connections, protocol, message_bytes FROM trial")" = 'single|1|netpipe|256' ]
    none_of_ours
}

@test "netpipe: hosted against Debian's NPtcp, as root" { netpipe_well root; }
@test "netpipe: hosted against Debian's NPtcp, as nobody" { netpipe_well nobody; }

# killed APP PROGRAM
killed() {
    needs "$@"
    become root
    "${prefix[@]}" "$place/bin/nomctl" compare "$1" --on hosted,host --db "$db" --repeats 64 --loads 1 \
        --seconds 0.3 --warmup 0 --accept-noisy >"$place/out" 2>&1 3>&- &
    background=$!
    for _ in $(seq 2000); do
        [ "$(sql "SELECT count(*) FROM trial WHERE target = 'host' AND status = 'ok'" 2>/dev/null || echo 0)" -ge 1 ] && break
        kill -0 "$background" || { cat "$place/out"; false; }
        sleep 0.02
    done
    kill -9 "$background"
    wait "$background" || true
    none_of_ours
}

@test "memcached: nomctl killed, nothing is left" { killed memcached memcached; }
@test "netpipe: nomctl killed, nothing is left" { killed netpipe NPtcp; }
