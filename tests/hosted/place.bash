# shellcheck shell=bash disable=SC2034 # read by the tests
# For tests of the command line with apps that are processes: a folder of a test's own that holds what an
# installation would, where anyone may read and work; bats' own is closed to others. Beside
# ../cli/lib.bash.
#
#   place_setup, place_end    in setup and teardown; the test works in $place/here, its database is $db
#   become root|nobody        $prefix then runs a command so; skips where that cannot be
#   ours                      pids of what was started with $prefix
#   none_of_ours              waits until there are none
NOBODY=65534

place_setup() {
    cli_setup
    mark=nom-hosted-$$-$BATS_SUITE_TEST_NUMBER-$BATS_TEST_NUMBER
    place=$(mktemp -d /tmp/nom-hosted.XXXXXX)
    mkdir "$place/tmp" "$place/home" "$place/here"
    cp -rL "$BUILD/bin" "$BUILD/lib" "$place"
    chmod -R a+rX "$place"
    chmod 1777 "$place/tmp" "$place/home" "$place/here"
    cd "$place/here" || return
    db=$place/here/nom.db
    background=
}

# $background: a pid to be ended with the test
place_end() {
    [ -z "$background" ] || kill -9 "$background" 2>/dev/null || true
    rm -rf "$place"
}

become() {
    prefix=(env "NOM_MARK=$mark" "TMPDIR=$place/tmp" "HOME=$place/home")
    if [ "$1" = root ]; then
        [ "$(id -u)" = 0 ] || skip "not root"
        return
    fi
    [ "$(id -u)" != 0 ] ||
        prefix+=(setpriv --reuid "$NOBODY" --regid "$NOBODY" --clear-groups --)
    "${prefix[@]}" unshare -Urn true 2>/dev/null || skip "no user namespaces here"
}

# Those that have ended and are not buried have no environment left.
ours() { grep -lzsx "NOM_MARK=$mark" /proc/[0-9]*/environ | cut -d/ -f3; }

none_of_ours() {
    for _ in $(seq 500); do
        [ -n "$(ours)" ] || return 0
        sleep 0.02
    done
    return 1
}
