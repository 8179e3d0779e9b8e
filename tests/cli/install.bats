#!/usr/bin/env bats
# `make install` gives a nomctl that finds its guest files wherever DESTDIR and PREFIX put it.
load lib.bash
setup() {
    user_home=$HOME # where make's sources are
    cli_setup
}

@test "install: the installed nomctl finds kernel and apps beside it" {
    HOME=$user_home make -s -C "$BATS_TEST_DIRNAME/../.." install DESTDIR="$BATS_TEST_TMPDIR/stage" PREFIX=/opt/nom
    installed=$BATS_TEST_TMPDIR/stage/opt/nom
    [ -f "$installed/share/doc/nom/README.md" ]
    run --separate-stderr "$installed/bin/nomctl" doctor --json
    echo "$output" | jq -e --arg kernel "$installed/lib/nom/nom.elf" '.. | strings | select(. == $kernel)'
    [ -x "$installed/lib/nom/hosted/netpipe" ]
    for form in hosted sockets linux-guest; do [ -x "$installed/lib/nom/$form/nhttpd" ]; done
    echo 'int main(void) { return 0; }' | "$installed/bin/nom-cc" -o "$BATS_TEST_TMPDIR/made" -xc -
    [ -s "$BATS_TEST_TMPDIR/made" ] && [ -s "$BATS_TEST_TMPDIR/made.hosted" ]
    [ -x "$installed/lib/nom/hosted/memcached" ] && [ -s "$installed/lib/nom/memcached.cpio" ]
}
