# A provider of prices and its troubles, for tests of priced on any floor: loaded beside the floor's
# lib.bash, whose in_net runs what can reach priced.
#
#   priced_setup                first of all
#   provider_start ADDRESS      port 8080 of the namespace; the provider says nothing yet
#   provider_says JSON          from now on: status 200, that body
#   provider_replies FORMAT     from now on: printf FORMAT, head and all
#   provider_stop, provider_again   it vanishes, and comes back
#   says TEXT                   waits until priced has said TEXT since the last `says`
#   app_follows ADDRESS         an nhttpd that serves there and reads the same page; it gets a table
#   every_trouble               all that a provider may do; priced must have said its first price, 10.
#                               At each trouble the page, and the app where one follows, are looked at
#
# shellcheck shell=bash disable=SC2034,SC2154 # variables of lib.bash
#
# $log is what priced prints. ${rest[@]}: options of an impatient poll of the provider.

priced_setup() {
    provider=$BATS_TEST_TMPDIR/provider board=$BATS_TEST_TMPDIR/board said=0
    mkdir -p "$provider"
    rest=(--adapter rest --url "http://10.77.0.1:8080/prices?x=1" --use gbit_out_per_s --unit usd_per_gbit
        --poll 0.1 --retry 0.05 --retry-most 0.2 --connect-timeout 0.5 --total-timeout 0.7 --report 0.1
        --log-every 0.3)
}

provider_again() {
    local enter="nsenter -t $net_pid -n --"
    ! declare -F entry >/dev/null || enter=$(entry)
    # shellcheck disable=SC2086 # words; not in_net: a function in the background would be a shell
    $enter prlimit --cpu=100 "$BUILD/tests/hosted/provider" 8080 "$provider" >"$provider/log" 2>&1 </dev/null 3>&- &
    provider_pid=$!
    until grep -q ready "$provider/log"; do
        kill -0 "$provider_pid" || return 1
        sleep 0.01
    done
}
provider_start() { provider_again; }
provider_stop() {
    [ -z "${provider_pid:-}" ] || kill "$provider_pid" 2>/dev/null || true
    [ -z "${provider_pid:-}" ] || wait "$provider_pid" 2>/dev/null || true
    provider_pid=
}

provider_replies() {
    # shellcheck disable=SC2059 # a format
    printf "$1" >"$provider/reply.new"
    mv "$provider/reply.new" "$provider/reply"
}
provider_says() {
    printf 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %s\r\n\r\n%s' "${#1}" "$1" \
        >"$provider/reply.new"
    mv "$provider/reply.new" "$provider/reply"
}

# Whole lines of the log behind the first $said: a guest's come in pieces.
whole() { head -n "$(wc -l <"$log")" "$log" | tail -n +$((said + 1)) | tr -d '\r'; }

# In order: what was found once is not looked at again.
says() {
    local turn line
    for ((turn = 0; turn < 1000; turn++)); do
        line=$(whole | grep -nF -m 1 -- "$1" | cut -d: -f1)
        if [ -n "$line" ]; then
            said=$((said + line))
            return 0
        fi
        [ -z "${server_pid:-}" ] || kill -0 "$server_pid" 2>/dev/null || break
        sleep 0.02
    done
    echo "it did not say: $1"
    cat "$log"
    return 1
}

app_statistics() { in_net "$BUILD/tests/guest/statistics" "$app_ip" 7700; }
app_answers() { [ "$(in_net curl -sS -m 20 -o /dev/null -w '%{http_code}' "http://$app_ip/")" = 200 ]; }

# app_at PRICE: what the app says of itself begins so. At 4.4 $/Gbit its table turns to another W.
app_at() {
    local row=0 delay_us=0
    [ "$1" -le 4 ] || row=1 delay_us=20
    echo "price $1 row $row delay_us $delay_us serving 1 adapting 1 changes $app_changes refused 0 requests "
}

app_follows() {
    app_ip=$1
    "$BUILD/tests/cli/seed" turning "$BATS_TEST_TMPDIR/table"
    in_net "$BUILD/bin/nomctl" deploy "$BATS_TEST_TMPDIR/table" --to "$app_ip:7700" --timeout 20
    app_changes=$(app_statistics | sed 's/.* changes \([0-9]*\) .*/\1/')
    app_stays "a provider that is well"
}

requests_of() { sed 's/.* requests \([0-9]*\).*/\1/' <<<"$1"; }

# The app is where the last good price put it, has not moved meanwhile, and serves.
app_stays() { # TROUBLE
    local before after
    [ -n "${app_ip:-}" ] || return 0
    before=$(app_statistics)
    app_answers
    after=$(app_statistics)
    echo "# $1: nhttpd: $after" >&3
    [[ $before == "$(app_at 10)"* && $after == "$(app_at 10)"* ]]
    [ "$(requests_of "$after")" -gt "$(requests_of "$before")" ]
}

# A new price moves the app: each moves it to another row.
app_moves() { # PRICE
    local now turn
    app_changes=$((app_changes + 1))
    for ((turn = 0; turn < 1000; turn++)); do
        now=$(app_statistics)
        [[ $now != "$(app_at "$1")"* ]] || return 0
        sleep 0.02
    done
    echo "the app does not follow to $1: $now"
    return 1
}
app_turns() { # there and back
    [ -n "${app_ip:-}" ] || return 0
    provider_says '{"price": 2, "currency": "USD"}'
    says "gbit_out_per_s 10 -> 2 \$/Gbit"
    app_moves 2
    provider_says '{"price": 10, "currency": "USD"}'
    says "gbit_out_per_s 2 -> 10 \$/Gbit"
    app_moves 10
}

# How old the price is in the line that `says` has found.
age() { sed -n "${said}s/.*stale, \([0-9.]*\) s old.*/\1/p" "$log" | tr -d '\r'; }
above() { awk "BEGIN { exit !($1 > $2) }"; }

# The page: 10 $/Gbit, stale, and its age grows; then the provider is good again.
stale_then_good() { # TROUBLE
    local lines first=
    for ((lines = 0; lines < 20; lines++)); do # who was held up says it twice at once
        says "board: gbit_out_per_s 10 \$/Gbit, stale, "
        first=${first:-$(age)}
        ! above "$(age)" "$first" || break
    done
    above "$(age)" "$first"
    above "$first" 0
    app_stays "$1"
    provider_says '{"price": 10, "currency": "USD"}'
    says "the provider answers again"
    says "board: gbit_out_per_s 10 \$/Gbit, 0."
    app_turns
}
trouble() { # NAME TEXT that priced says of it
    says "$2"
    tail -n +"$said" "$log" | head -n 1 | grep -q "the last good price stays"
    stale_then_good "$1"
}

every_trouble() {
    rm "$provider/reply"
    trouble "it hangs" "${says_late:-timed out}"
    provider_replies 'HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops'
    trouble "status 500" "the provider answers status 500"
    provider_replies 'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html><body>Bad gateway</body></html>'
    trouble "HTML" "no JSON: line 1"
    { printf 'HTTP/1.1 200 OK\r\n\r\n{"price": 5, "currency": "USD", "x": "' && head -c 1000000 /dev/zero | tr '\0' x &&
        printf '"}'; } >"$provider/reply.new"
    mv "$provider/reply.new" "$provider/reply"
    trouble "a huge body" "a body of more than 65536 bytes"
    provider_says '{"price": NaN, "currency": "USD"}'
    trouble "NaN" "no JSON: line 1"
    provider_says '{"price": "NaN", "currency": "USD"}'
    trouble "\"NaN\"" "the price is no number: NaN"
    provider_says '{"price": -3, "currency": "USD"}'
    trouble "a negative price" "the price -3 \$/Gbit is negative"
    provider_says '{"price": 0, "currency": "USD"}'
    trouble "a price of 0" "the price 0 \$/Gbit is below the least"
    provider_says '{"price": 1e7, "currency": "USD"}'
    trouble "a price of ten million" "above the greatest"
    provider_says '{"price": 9, "currency": "EUR"}'
    trouble "another currency" "the currency is EUR, not USD"
    provider_says '{"cost": 9, "currency": "USD"}'
    trouble "no price" "no price where it should be"
    provider_replies 'SSH-2.0-OpenSSH_9.2\r\n'
    says "${says_no_http:-HTTP/0.9}"
    stale_then_good "no HTTP"
    provider_replies 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"price": 9'
    says "the last good price stays" # its connection ends amid the body
    stale_then_good "half a body"
    # It vanishes for a while, and comes back with another price.
    provider_stop
    says "${says_gone:-connect}"
    says "board: gbit_out_per_s 10 \$/Gbit, stale, "
    sleep "${vanished_s:-1}"
    while :; do
        says "board: gbit_out_per_s 10 \$/Gbit, stale, "
        ! above "$(age)" "${vanished_s:-1}" || break
    done
    app_stays "it has vanished"
    provider_says '{"price": 12, "currency": "USD"}'
    provider_again
    says "gbit_out_per_s 10 -> 12 \$/Gbit"
    says "board: gbit_out_per_s 12 \$/Gbit, 0."
    [ -z "${app_ip:-}" ] || [[ $(app_statistics) == "$(app_at 12)"* ]]
    [ "$(grep -cE "board: gbit_out_per_s (-|0 |nan|inf|5|9|3|1e)" "$log")" -eq 0 ]
}

# CloudSigma's document, with burst levels of tx now and next; 1: 0.01 $/Gbit, 2: 0.02.
cloudsigma() {
    cat <<END
{"current": {"cpu": 3, "tx": $1}, "meta": {"limit": 0, "offset": 0, "total_count": 3},
 "next": {"cpu": 3, "tx": $2}, "objects": [
 {"currency": "USD", "id": "1", "level": 1, "multiplier": 2783138807808000,
  "price": "0.14000000000000000000", "resource": "ssd", "unit": "GB/month"},
 {"currency": "CHF", "id": "2", "level": 1, "multiplier": 1000000000, "price": "0.07", "resource": "tx", "unit": "GB"},
 {"currency": "USD", "id": "3", "level": 1, "multiplier": 1000000000, "price": "0.08", "resource": "tx", "unit": "GB"},
 {"currency": "USD", "id": "4", "level": 2, "multiplier": 1000000000, "price": "0.16", "resource": "tx", "unit": "GB"}]}
END
}
