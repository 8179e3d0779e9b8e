#!/usr/bin/env bats
# The database: where it is, and what is said when it is none, too new, or cannot be had.
load lib.bash
setup() { cli_setup; }

# Every command that opens one.
each() {
    fails "$1" "$2" nomctl profile nhttpd --db "$db"
    fails "$1" "$2" nomctl run nhttpd --db "$db" --delay 0
    fails "$1" "$2" nomctl table nhttpd --db "$db" -o t
    fails "$1" "$2" nomctl report nhttpd --db "$db" -o r
    [ ! -e t ] && [ ! -e r ]
}

@test "a database of a newer nomctl" {
    seed profile "$db" kvm
    sqlite3 "$db" 'PRAGMA user_version = 9999' >/dev/null
    each 2 "$db"
    [[ $stderr == *newer* ]]
    [ "$(sqlite3 "$db" 'PRAGMA user_version')" = 9999 ]
}

@test "a file that is no database, and a database of something else" {
    echo "not a database, whatever its name says; long enough to be read as one" >"$db"
    each 2 "$db"
    rm "$db"
    sqlite3 "$db" 'CREATE TABLE other (x)'
    each 2 "$db"
    [ "$(sqlite3 "$db" .schema)" = 'CREATE TABLE other (x);' ]
}

@test "a place that cannot be written" {
    touch file
    db=file/nom.db
    each 1 "file/nom.db"
    mkdir dir
    db=dir
    each 1 "dir"
}

@test "reading needs a database that exists" {
    fails 1 "$db" nomctl report nhttpd --db "$db" -o r
    fails 1 "$db" nomctl table nhttpd --db "$db" -o t
    [ ! -e "$db" ]
}

@test "the default place: XDG_DATA_HOME, or below HOME" {
    seed profile "$db" kvm
    mkdir -p home/.local/share/nom data/nom
    cp "$db" home/.local/share/nom/nom.db
    gives nomctl table nhttpd -o t
    rm home/.local/share/nom/nom.db
    cp "$db" data/nom/nom.db
    XDG_DATA_HOME=$PWD/data gives nomctl table nhttpd -o t
    fails 1 "home/.local/share/nom/nom.db" nomctl table nhttpd -o t
    HOME='' fails 2 "no place for the database: give --db" nomctl table nhttpd -o t
    fails 2 "--db: an empty name" nomctl table nhttpd --db "" -o t
}

@test "report: nothing to report, and nowhere to write it" {
    seed failed "$db"
    fails 1 "no profile of nhttpd yet: run: nomctl profile nhttpd" nomctl report nhttpd --db "$db" -o r
    fails 1 "session 1" nomctl report nhttpd --db "$db" --session 1 -o r
    fails 2 "the database has no session 5" nomctl report nhttpd --db "$db" --session 5 -o r
    seed profile "$db" kvm
    touch file
    fails 1 "file/r" nomctl report nhttpd --db "$db" -o file/r
    fails 2 "--session: 'x' is not a whole number" nomctl report nhttpd --db "$db" --session x -o r
}

@test "report: written from the newest profile" {
    seed profile "$db" kvm
    gives nomctl report nhttpd --db "$db" -o r
    [ "$output" = r/index.html ]
    [ -s r/index.html ]
    gives nomctl report nhttpd --db "$db" -o r2 --json
    documented
    [ "$(jq -c '[.schema, .session, .app, .target, .accel, .index]' <<<"$output")" = \
        '[1,1,"nhttpd","nom","kvm","r2/index.html"]' ]
}
