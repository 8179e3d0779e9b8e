#!/usr/bin/env bats
# Floors: as typed, which is taken where nobody says, and sessions of each side by side.
load lib.bash
setup() { cli_setup; }
teardown() { [ -z "${elsewhere:-}" ] || rm -rf "$elsewhere"; }

profile() { nomctl profile nhttpd --db "$db" "$@"; }
run_app() { nomctl run nhttpd --db "$db" "$@"; }

# A few short trials of one point.
quick=(--delays 4 --loads 2 --repeats 2 --seconds 0.4 --warmup 0.05 --accept-noisy)

# Skips where the app cannot be run as a process of this machine.
needs_hosted() {
    [ -x "$BUILD/lib/nom/hosted/nhttpd" ] || skip "no hosted nhttpd"
    run --separate-stderr nomctl doctor --json
    jq -e '.floors[] | select(.name == "hosted") | .works' <<<"$output" >/dev/null ||
        skip "hosted: $(jq -r '.floors[] | select(.name == "hosted") | .detail' <<<"$output")"
}

@test "floors: unknown, the nearest is named" {
    fails 2 "--on: unknown floor 'hostd': did you mean 'hosted'?" profile --on hostd
    fails 2 "--on: unknown floor 'aut': did you mean 'auto'?" run_app --on aut
    fails 2 "--on: unknown floor 'xyzzy': known are auto, nom, hosted, host, linux, osv" profile --on xyzzy
    fails 2 "--on: unknown floor '': known are" profile --on ""
    fails 2 "--on: unknown floor 'nm': did you mean 'nom'?" nomctl table nhttpd --db "$db" --on nm -o t
    fails 2 "--on: unknown floor 'nm': did you mean 'nom'?" nomctl report nhttpd --db "$db" --on nm -o r
    [ ! -e "$db" ]
}

@test "floors: baselines are not profiled and not run" {
    for floor in host linux osv; do
        fails 2 "--on: $floor is a baseline: it has no delay to tune; see nomctl compare" profile --on "$floor"
        fails 2 "--on: $floor is a baseline: it has no delay to tune; see nomctl compare" run_app --on "$floor"
    done
    [ ! -e "$db" ]
}

@test "floors: options of the other kind of floor" {
    fails 2 "--accel: hosted is a process" profile --on hosted --accel tcg
    fails 2 "--network: hosted is a process" run_app --on hosted --network tap
    fails 2 "--rps-core: nom is a guest" profile --on nom --rps-core 0
    fails 2 "--rps-core: nom is a guest" run_app --on nom --rps-core none
    fails 2 "--rps-core: 'one' is neither a core, none nor auto" profile --on hosted --rps-core one
    fails 2 "--rps-core: '' is neither" profile --on hosted --rps-core ""
    fails 2 "--rps-core: '-1' is neither" profile --on hosted --rps-core=-1
    fails 2 "--rps-core: 99999 is not between 0 and" profile --on hosted --rps-core 99999
}

@test "floors: tables of the newest profile, or of a floor's" {
    seed profile "$db" kvm
    seed hosted "$db"
    gives nomctl table nhttpd --db "$db" -o t
    [ "$output" = "t: 8 rows, from session 2 (nhttpd on hosted)" ]
    gives nomctl table show t
    [[ $output == "t: nhttpd on hosted, session 2, built "* ]]
    gives nomctl table show t --json
    [ "$(jq -c '[.table.target, .table.accel]' <<<"$output")" = '["hosted","none"]' ]
    gives nomctl choose --table t --load many --price 10 --json
    [ "$(jq -c '[.target, .accel, .row.delay_us]' <<<"$output")" = '["hosted","none",8]' ]
    gives nomctl table nhttpd --db "$db" --on nom -o t
    [[ $output == *"session 1 (nhttpd on nom under kvm)" ]]
    gives nomctl table nhttpd --db "$db" --on hosted -o t
    [[ $output == *"session 2 "* ]]
    fails 1 "no profile of nhttpd on nom under tcg yet: run: nomctl profile nhttpd --on nom --accel tcg" \
        nomctl table nhttpd --db "$db" --on nom --accel tcg -o t
    command -v gnuplot >/dev/null || skip "the rest needs gnuplot"
    gives nomctl report nhttpd --db "$db" --on nom -o r --json
    [ "$(jq -c '[.session, .target, .accel]' <<<"$output")" = '[1,"nom","kvm"]' ]
    gives nomctl report nhttpd --db "$db" --on hosted -o r --json
    [ "$(jq -c '[.session, .target, .accel]' <<<"$output")" = '[2,"hosted","none"]' ]
}

@test "floors: a comparison is no profile" {
    seed compare "$db"
    fails 1 "the database has no profile of nhttpd yet" nomctl table nhttpd --db "$db" -o t
    fails 2 "session 1 compares floors; tables and reports are of a profile" \
        nomctl table nhttpd --db "$db" --session 1 -o t
    fails 2 "session 1 compares floors" nomctl report nhttpd --db "$db" --session 1 -o r
    [ ! -e t ] && [ ! -e r ]
}

@test "floors: hosted, from profile to run" {
    needs_hosted
    fails 1 "no profile of nhttpd on hosted yet: run: nomctl profile nhttpd --on hosted" run_app --on hosted
    measures profile --on hosted "${quick[@]}" --rps-core none --json
    documented
    [ "$(jq -c '[.target, .accel, .accel_reason, .network, .trials, (.points | length)]' <<<"$output")" = \
        '["hosted","none","hosted as asked","veth",2,1]' ]
    [ "$(sqlite3 "$db" "SELECT DISTINCT target, accel, network, rps_core FROM trial")" = 'hosted|none|veth|-1' ]
    gives nomctl table nhttpd --db "$db" --utility simple -o t # at no latency does every row lose
    runs run_app --on hosted --table t --load 2 --seconds 1 --json
    [ "$status" -eq 0 ]
    [ "$(jq -c '[.target, .accel, .table.rows, .phases[0].delay_us]' <<<"$output")" = '["hosted","none",1,4]' ]
    runs run_app --on hosted --load 2 --seconds 1 # a table from the database
    [ "$status" -eq 0 ]
    [[ ${stderr_lines[0]} == "nomctl: serving; "* ]]
}

@test "floors: auto takes hosted where no accelerator runs nom, and says why" {
    needs_hosted
    fake_qemu "exit 1"
    sed -i 's/^selfcheck.*/selfcheck*) exit 1 ;;/' fake/qemu-system-x86_64
    cp -r "$BUILD"/lib/nom/{hosted,initrd.cpio} guest/
    run --separate-stderr profile "${quick[@]}" --json
    echo "$stderr"
    [ "$status" -eq 0 ]
    without_starved
    [[ $said == "nomctl: on hosted"* ]]
    [ "nomctl: on $(jq -r .accel_reason <<<"$output")" = "$said" ]
    [ "$(jq -r .target <<<"$output")" = hosted ]
    run --separate-stderr nomctl doctor --json
    [ "$(jq -c '[.ready, .recommended, .auto.accel]' <<<"$output")" = '[true,"hosted",null]' ]
    [ ! -s runs ]
}

@test "floors: hosted without QEMU" {
    needs_hosted
    mkdir bin
    ln -s "$(command -v ip)" bin/ip
    fails 3 "qemu-system-x86_64 is not in PATH" env PATH="$PWD/bin" "$BUILD/bin/nomctl" profile nhttpd --db "$db" --on nom
    run --separate-stderr env PATH="$PWD/bin" "$BUILD/bin/nomctl" profile nhttpd --db "$db" "${quick[@]}"
    echo "$stderr"
    [ "$status" -eq 0 ]
    [[ $stderr == "nomctl: on hosted"* && $output == "nhttpd on hosted, network veth, "* ]]
}

@test "floors: hosted as an unprivileged user, who can reach the app too" {
    [ "$(id -u)" -eq 0 ] || skip "needs root, to be another user"
    elsewhere=$(mktemp -d) # where that user can go
    chown 65534:65534 "$elsewhere"
    cd "$elsewhere"
    other=(setpriv --reuid=65534 --regid=65534 --clear-groups env "HOME=$elsewhere")
    "${other[@]}" test -x "$BUILD/bin/nomctl" || skip "other users cannot reach the build"
    "${other[@]}" "$BUILD/bin/nomctl" doctor --json >doctor.json || true
    jq -e '.floors[] | select(.name == "hosted") | .works' doctor.json >/dev/null || skip "hosted does not work for others"
    # Without rights it has its turn after everybody else's: time enough to get one.
    measures "${other[@]}" "$BUILD/bin/nomctl" profile nhttpd --on hosted "${quick[@]}" --seconds 1
    [ "$(sqlite3 .local/share/nom/nom.db "SELECT DISTINCT target, user_namespace FROM trial")" = 'hosted|1' ]
    gives "${other[@]}" "$BUILD/bin/nomctl" table nhttpd -o "$PWD/t"
    # Into a run that still goes on then, which this shell may get to late.
    for seconds in 3 20 80; do
        : >err
        "${other[@]}" "$BUILD/bin/nomctl" run nhttpd --on hosted --delay 0 --load 2 --seconds "$seconds" >out 2>err 3>&- &
        until grep -q serving err; do
            kill -0 $!
            sleep 0.02
        done
        # shellcheck disable=SC2046 # words of a command line, as nomctl run says it
        run --separate-stderr "${other[@]}" "$BUILD/bin/nomctl" deploy t $(sed -n 's/.*FILE \(--to .*\)/\1/p' err)
        echo "exit code $status; stdout: $output; stderr: $stderr"
        ! kill -0 $! 2>/dev/null || break
        wait $! || grep -qE "$starved_text" err
    done
    [ "$status" -eq 0 ]
    [[ $output == *"are in force"* ]]
    wait $! || grep -qE "$starved_text" err
}
