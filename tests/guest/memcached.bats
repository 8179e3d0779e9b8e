#!/usr/bin/env bats
# The real memcached in a guest: its own tests, and stock clients. Needs root, for network namespaces
# and a tap. tests/guest/memcached/list says which of its tests run here, which in `make suite` alone,
# and why others do not.
# shellcheck disable=SC2154 # ip is lib.bash's
bats_require_minimum_version 1.5.0
load lib.bash
load ../memcached.bash

LIST=tests/guest/memcached/list

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    [ "$(id -u)" = 0 ] || skip "needs root, for a tap"
    export guest_initrd=$BUILD/lib/nom/memcached.cpio guest_memory=256
    guest_net
}
setup() { cd "$BATS_TEST_DIRNAME/../.." || return 1; }
teardown_file() { guest_net_end; }

@test "memcached: the list names each of its own tests once, and a reason for each that does not run" {
    run ! grep -vE '^(#.*|(run |slow) [^ :]+\.t|not  [^ :]+\.t: .+)$' "$LIST"
    diff <(cd "$(tools/fetch-sources memcached)/t" && printf '%s\n' *.t | sort) \
        <(sed -n 's/^\(run\|slow\|not\)  *\([^:]*\).*/\2/p' "$LIST" | sort)
}

@test "memcached: its own tests" {
    tests/guest/memcached/suite 3>&-
}

@test "memcached: stock clients, in a guest" {
    guest_boot "memcached: ready" memcached --ip "$ip/24" -- -m 64
    memcapable_passes
    tools_work
    perl_works
    python_works
    guest_stop
}
