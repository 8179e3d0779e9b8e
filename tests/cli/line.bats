#!/usr/bin/env bats
# The line itself: help, version, and everything that can be wrong with a line.
load lib.bash
setup() { cli_setup; }

@test "version and help" {
    gives nomctl --version
    [[ $output =~ ^nomctl\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
    gives nomctl --help
    general=$output
    for command in doctor profile compare report table choose run deploy; do
        [[ $general == *"  $command "* ]]
        gives nomctl "$command" --help
        [[ $output == *"Usage: nomctl $command"* ]]
        [[ $output == *"  nomctl $command"* ]] # an example
        help=$output
        gives nomctl help "$command"
        [ "$output" = "$help" ]
    done
    gives nomctl table show --help
    [[ $output == *"Usage: nomctl table show"* ]]
}

@test "no command, or an unknown one: the nearest is named" {
    fails 2 "no command given" nomctl
    fails 2 "unknown command 'profil': did you mean 'profile'?" nomctl profil nhttpd
    fails 2 "unknown command 'xyzzy': see nomctl --help" nomctl xyzzy
    fails 2 "unknown command 'deplo': did you mean 'deploy'?" nomctl help deplo
    fails 2 "unknown option '--jso'" nomctl --jso
}

@test "unknown options: the nearest is named" {
    fails 2 "unknown option '--dealys': did you mean '--delays'?" nomctl profile nhttpd --dealys 1
    fails 2 "unknown option '--jsn': did you mean '--json'?" nomctl doctor --jsn
    fails 2 "unknown option '--acel=tcg': did you mean '--accel'?" nomctl run nhttpd --acel=tcg
    fails 2 "unknown option '-q': see nomctl report --help" nomctl report nhttpd -q
    fails 2 "unknown option '--db'" nomctl choose --db x
}

@test "options with too much or too little" {
    fails 2 "option '--delays' needs a value" nomctl profile nhttpd --delays
    fails 2 "option '-o' needs a value" nomctl report nhttpd -o
    fails 2 "option '--json' takes no value" nomctl profile nhttpd --json=1
}

@test "missing and superfluous arguments" {
    fails 2 "profile: missing argument: nomctl profile APP" nomctl profile
    fails 2 "report: missing argument" nomctl report
    fails 2 "report: missing -o DIR" nomctl report nhttpd
    fails 2 "table: missing -o FILE" nomctl table nhttpd
    fails 2 "table show: missing argument" nomctl table show
    fails 2 "choose: missing --table FILE" nomctl choose --load many --price 1
    fails 2 "choose: missing --load LOAD" nomctl choose --table x --price 1
    fails 2 "choose: missing --price USD" nomctl choose --table x --load many
    fails 2 "run: missing argument" nomctl run
    fails 2 "deploy: missing argument" nomctl deploy
    fails 2 "deploy: missing --to HOST:PORT" nomctl deploy x
    fails 2 "unexpected argument 'b'" nomctl profile nhttpd b
    fails 2 "unexpected argument 'x'" nomctl doctor x
}

@test "an unknown app: those known are listed" {
    for command in "profile apache" "report apache -o r" "table apache -o t" "run apache" \
        "compare apache --on nom,host"; do
        # shellcheck disable=SC2086 # words of a command
        fails 2 "unknown app 'apache': known are nhttpd, memcached, netpipe" nomctl $command
    done
    [ ! -e home ]
}

@test "values outside a list are refused, and the list is named" {
    fails 2 "--accel: 'hvf' is none of: auto, kvm, tcg" nomctl profile nhttpd --accel hvf
    fails 2 "--client: 'ab' is none of: nom, wrk, memaslap, nptcp" nomctl profile nhttpd --client ab
    fails 2 "--network: 'x' is none of: auto, tap, polled, user" nomctl run nhttpd --network x
    fails 2 "--kick: 'hard' is none of" nomctl run nhttpd --delay 0 --kick hard
    fails 2 "is not a path" nomctl profile nhttpd --path index.html
}

@test "what cannot be written to stdout is a failure" {
    run bash -c '"$0" --help >/dev/full' "$BUILD/bin/nomctl"
    echo "$output"
    [ "$status" -eq 1 ]
    [[ $output == "nomctl: cannot write to standard output"* ]]
}
