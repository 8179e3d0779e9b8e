#!/usr/bin/env bats
# deploy, against the control code of an app behind a socket on loopback (app.c).
load lib.bash
setup() {
    cli_setup
    seed table t nhttpd
}
teardown() { [ -z "${app_pid:-}" ] || kill "$app_pid" 2>/dev/null || true; }

# Starts app.c; its port in $port.
app() {
    "$BUILD/tests/cli/app" "$@" >port 3>&- &
    app_pid=$!
    until [ -s port ]; do sleep 0.01; done
    port=$(cat port)
}

@test "deploy: what is now in force is said" {
    app nhttpd
    gives nomctl deploy t --to "127.0.0.1:$port"
    [[ ${lines[0]} == "nhttpd: 8 rows of session 1 are in force at 127.0.0.1:$port" ]]
    [[ ${lines[1]} == "W = 0 us natural, load estimate 0.0 connections, price 0 \$/Gbit" ]]
    host=localhost
    getent ahostsv4 $host >/dev/null || host=127.0.0.1 # a machine without /etc/hosts
    gives nomctl deploy t --to "$host:$port" --json
    documented
    [ "$(jq -c '[.schema, .app, .rows, .in_force.adapting, .in_force.serving, .in_force.table_built_unix_s]' \
        <<<"$output")" = '[1,"nhttpd",8,true,true,1700000000]' ]
}

@test "deploy: refused in the app's own words" {
    app memcached
    fails 1 "127.0.0.1:$port: " nomctl deploy t --to "127.0.0.1:$port"
    [[ $stderr == *nhttpd* || $stderr == *memcached* ]]
}

@test "deploy: nobody there, nobody answering, nonsense answered" {
    app nhttpd
    kill "$app_pid"
    wait "$app_pid" || true
    fails 1 "127.0.0.1:$port: no control port" nomctl deploy t --to "127.0.0.1:$port"
    rm port
    app nhttpd silent
    fails 1 "did not answer in time" nomctl deploy t --to "127.0.0.1:$port" --timeout 0.3
    kill "$app_pid"
    rm port
    app nhttpd garbage
    fails 1 "127.0.0.1:$port: " nomctl deploy t --to "127.0.0.1:$port" --timeout 3
}

@test "deploy: addresses that are none" {
    fails 2 "--to: 'localhost' is not HOST:PORT" nomctl deploy t --to localhost
    fails 2 "--to: ':80' is not HOST:PORT" nomctl deploy t --to :80
    fails 2 "--to: port: 65536 is not between 1 and 65535" nomctl deploy t --to localhost:65536
    fails 2 "--to: port: '' is not a whole number" nomctl deploy t --to localhost:
    fails 2 "--to: no..such..host" nomctl deploy t --to no..such..host:80
    fails 2 "--timeout: 'x' is not a number" nomctl deploy t --to localhost:1 --timeout x
}

@test "deploy: namespaces that are none" {
    fails 2 "--in nowhere: cannot open /run/netns/nowhere" nomctl deploy t --to 127.0.0.1:1 --in nowhere
    fails 2 "--in 999999999: cannot open /proc/999999999/ns/net" \
        nomctl deploy t --to 127.0.0.1:1 --in 999999999
    fails 2 "--in: not the name" nomctl deploy t --to 127.0.0.1:1 --in ""
    touch file
    [ "$(id -u)" -eq 0 ] || skip "needs root"
    fails 2 "not a network namespace" nomctl deploy t --to 127.0.0.1:1 --in ./file
}

@test "deploy: into a namespace, by path and by process" {
    [ "$(id -u)" -eq 0 ] || skip "needs root"
    unshare -n sh -c 'ip link set lo up; exec "$0" nhttpd' "$BUILD/tests/cli/app" >port 3>&- &
    app_pid=$!
    until [ -s port ]; do sleep 0.01; done
    port=$(cat port)
    fails 1 "no control port" nomctl deploy t --to "127.0.0.1:$port"
    gives nomctl deploy t --to "127.0.0.1:$port" --in "/proc/$app_pid/ns/net"
    gives nomctl deploy t --to "127.0.0.1:$port" --in "$app_pid"
    [[ $output == *"are in force"* ]]
}
