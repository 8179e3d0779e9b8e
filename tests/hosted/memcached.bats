#!/usr/bin/env bats
# The real memcached in a process of our stack: stock clients.
# shellcheck disable=SC2154,SC2034 # nhttpd and ip are lib.bash's
load lib.bash
load ../memcached.bash

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    hosted_net
}
teardown() { hosted_end; }

@test "memcached: stock clients, in a process" {
    nhttpd=$BUILD/lib/nom/hosted/memcached
    serve -- -m 64
    memcapable_passes
    tools_work
    perl_works
    python_works
}
