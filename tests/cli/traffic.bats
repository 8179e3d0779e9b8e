#!/usr/bin/env bats
# What the client asks for: settings of each app's load, and those that do not fit it. A refused line
# measures and stores nothing.
load lib.bash
setup() { cli_setup; }
teardown() { [ ! -e "$db" ]; }

profile() { nomctl profile "$@" --db "$db"; }

@test "traffic: values out of range, or no values at all" {
    fails 2 "--protocol: 'udp' is none of: text, binary" profile memcached --protocol udp
    fails 2 "--get-ratio: 1.5 is not between 0 and 1" profile memcached --get-ratio 1.5
    fails 2 "--get-ratio: 'most' is not a number" profile memcached --get-ratio most
    fails 2 "--keys: 0 is not between 1 and 10000000" profile memcached --keys 0
    fails 2 "--key-size: 251 is not between 1 and 250" profile memcached --key-size 251
    fails 2 "--value-size: 1048577 is not between 1 and 1048576" profile memcached --value-size 1048577
    fails 2 "--pipeline: 257 is not between 1 and 256" profile memcached --pipeline 257
    fails 2 "--message-size: 0 is not between 1 and 67108864" profile netpipe --message-size 0
    fails 2 "--client: 'memslap' is none of: nom, wrk, memaslap, nptcp" profile memcached --client memslap
    fails 2 "option '--bidirectional' takes no value" profile netpipe --bidirectional=1
    fails 2 "unknown option '--valu-size': did you mean '--value-size'?" profile memcached --valu-size 1
}

@test "traffic: settings that the app's load does not have" {
    for command in "profile" "run --delay 0" "compare --on hosted,host"; do
        # shellcheck disable=SC2086 # words of a command
        {
            fails 2 "--path: the load of memcached has no such setting" nomctl $command memcached --path / --db "$db"
            fails 2 "--value-size: the load of nhttpd has no such setting" nomctl $command nhttpd --value-size 1 --db "$db"
            fails 2 "--protocol: the load of netpipe has no such setting" nomctl $command netpipe --protocol text --db "$db"
            fails 2 "--message-size: the load of memcached has no such setting" \
                nomctl $command memcached --message-size 1 --db "$db"
            fails 2 "--bidirectional: the load of nhttpd has no such setting" \
                nomctl $command nhttpd --bidirectional --db "$db"
        }
    done
}

@test "traffic: clients that do not speak the app's protocol" {
    fails 2 "--client: wrk cannot load memcached, take nom or memaslap" profile memcached --client wrk
    fails 2 "--client: memaslap cannot load nhttpd, take nom or wrk" profile nhttpd --client memaslap
    fails 2 "--client: nom cannot load netpipe, take nptcp" profile netpipe --client nom
    fails 2 "--client: nptcp cannot load nhttpd, take nom or wrk" nomctl run nhttpd --delay 0 --client nptcp --db "$db"
    fails 2 "--client: wrk cannot load netpipe, take nptcp" \
        nomctl compare netpipe --on hosted,host --client wrk --db "$db"
}

@test "traffic: loads that the app cannot have" {
    fails 2 "load: netpipe is loaded by 1 connection, not by 32" profile netpipe --loads single,many
    fails 2 "load: netpipe is loaded by 1 connection, not by 4" nomctl run netpipe --delay 0 --load 1,4@5s --db "$db"
    fails 2 "load: netpipe is loaded by 1 connection, not by 2" nomctl compare netpipe --on hosted,host --loads 2 --db "$db"
    fails 2 "--keys: 8 are fewer than 32 connections" profile memcached --keys 8
    fails 2 "--keys: 8 are fewer than 9 connections" nomctl run memcached --delay 0 --keys 8 --load 9 --db "$db"
    fails 2 "--key-size: 1000 keys of 2 bytes are not all different" profile memcached --keys 1000 --key-size 2
    fails 2 "--key-size: 11 keys of 1 byte are not all different" profile memcached --keys 11 --key-size 1 --loads 1
}
