# shellcheck shell=bash
# How ported programs end, of whichever floor: status_holds RUN, where RUN ARGUMENT... runs
# tests/ported/status.c and leaves its exit status in $status, what it printed in $output.

# ends STATUS LINE: or, without a line, nothing is said of it
ends() {
    echo "status $status: $output"
    [ "$status" -eq "$1" ]
    grep -q '^ends by ' <<<"$output"
    if [ -n "${2:-}" ]; then
        grep -qx "$2" <<<"$output"
    else
        ! grep -qE 'told as|signal' <<<"$(grep -v '^ends by ' <<<"$output")"
    fi
}

status_holds() {
    local run=$1 number
    for number in 0 1 62 63; do
        $run -exit $number
        ends $number
    done
    $run -exit 256 # its low 8 bits
    ends 0
    $run -exit 64
    ends 63 'status: exit status 64, told as 63'
    $run -exit -1
    ends 63 'status: exit status 255, told as 63'
    $run -signal 9
    ends 63 'status: ended by signal 9 (SIGKILL)'
    $run -abort
    ends 63 'status: ended by signal 6 (SIGABRT)'
    $run -signal 17 # SIGCHLD, which nobody minds
    ends 17
}
