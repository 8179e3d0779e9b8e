#!/usr/bin/env bats
# priced as a Linux process: each adapter, and a provider that misbehaves in every way that the price
# page must survive (spec P1 to P3), and an nhttpd beside it that follows the page. What readers of the
# page see, priced prints itself (--report).
# shellcheck disable=SC2034,SC2154 # variables of lib.bash and priced.bash
load lib.bash
load priced.bash

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    hosted_net
    priced_setup
}
teardown() {
    provider_stop
    [ -z "${app_pid:-}" ] || kill -9 "$app_pid" 2>/dev/null || true
    hosted_end
}

# Starts priced with its own arguments; waits until it says TEXT.
priced() {
    local text=$1
    shift
    said=0
    : >"$log"
    # shellcheck disable=SC2046 # words
    $(entry) prlimit --cpu=100 env -u http_proxy -u all_proxy "$BUILD/lib/nom/hosted/priced" \
        --initrd "$BUILD/lib/nom/initrd.cpio" --board "$board" -- "$@" >"$log" 2>&1 </dev/null 3>&- &
    server_pid=$!
    says "$text"
}
# nhttpd beside priced, on the same board.
app() {
    local app_log=$BATS_TEST_TMPDIR/app turn
    # shellcheck disable=SC2046 # words
    $(entry) prlimit --cpu=100 "$nhttpd" --interface nom1 --board "$board" --initrd "$BUILD/lib/nom/initrd.cpio" -- \
        --ip "$ip/24" --control-port 7700 >"$app_log" 2>&1 </dev/null 3>&- &
    app_pid=$!
    for ((turn = 0; turn < 1000; turn++)); do
        ! grep -q '^nhttpd: ready' "$app_log" || break
        sleep 0.02
    done
    app_follows "$ip"
}
alive() { kill -0 "$server_pid"; }
stop() {
    kill "$server_pid"
    ended 10
    [ "$server_status" -eq 0 ]
}
refused() { # STATUS TEXT ARG...: does not start, and says TEXT on its only line
    local expected=$1 text=$2
    shift 2
    run in_net timeout 20 "$BUILD/lib/nom/hosted/priced" --board "$board" -- "$@"
    echo "$output"
    [ "$status" -eq "$expected" ]
    [ "${#lines[@]}" -eq 1 ]
    [[ $output == "priced: $text"* ]]
}

@test "priced: static" {
    priced "priced: board: cpu" --adapter static --price gbit_out_per_s=10,cpu_s_per_s=0.001 --report 0.1
    grep -qx 'priced: ready, prices from static' "$log"
    grep -qx 'priced: gbit_out_per_s 10 \$/Gbit; cpu_s_per_s 0.001 \$/s' "$log"
    grep -qE '^priced: board: gbit_out_per_s 10 \$/Gbit, [0-9.]+ s old, from static$' "$log"
    stop
}

@test "priced: one publisher a board" {
    priced "gbit_out_per_s 10" --adapter static --price gbit_out_per_s=10
    refused 1 "another app publishes prices here" --adapter static --price gbit_out_per_s=5
    stop
    priced "gbit_out_per_s 5" --adapter static --price gbit_out_per_s=5
    stop
}

# replays PATTERN TEXT ARG...: it says TEXT, and before it PATTERN; slower where it did not, for a
# priced that is held up passes over what came meanwhile.
replays() {
    local speed
    for speed in 100 20 2; do
        priced "$2" "${@:3}" --speed "$speed" || true
        sleep 0.3
        alive
        ! grep -qE "$1" "$log" || return 0
        stop
    done
    return 1
}

@test "priced: a CSV trace at any speed, looped and held" {
    printf 'time_s,gbit_out_per_s:usd_per_gb\n0,8\n10,16\n20,80\n' >"$BATS_TEST_TMPDIR/t.csv"
    replays ' 1 -> 2 ' " -> 10 " --adapter trace --trace "$BATS_TEST_TMPDIR/t.csv"
    grep -q ' 2 -> 10 ' "$log"
    [ "$(grep -c 'gbit_out_per_s' "$log")" -eq 3 ]
    stop
    replays 'gbit_out_per_s 1 \$/Gbit; gbit_out_per_s 2 \$/Gbit announced' "10 -> 1 " --adapter trace \
        --trace "$BATS_TEST_TMPDIR/t.csv" --format csv --at-end loop --announce yes
    stop
}

@test "priced: an EC2 spot price history, newest first" {
    cat >"$BATS_TEST_TMPDIR/ec2.json" <<'END'
{ "SpotPriceHistory": [
    { "AvailabilityZone": "us-east-1b", "InstanceType": "m5.large", "ProductDescription": "Linux/UNIX",
      "SpotPrice": "9", "Timestamp": "2024-05-01T02:00:00+00:00" },
    { "AvailabilityZone": "us-east-1a", "InstanceType": "m5.large", "ProductDescription": "Linux/UNIX",
      "SpotPrice": "7.2", "Timestamp": "2024-05-01T01:00:00+00:00" },
    { "AvailabilityZone": "us-east-1a", "InstanceType": "m5.large", "ProductDescription": "Linux/UNIX",
      "SpotPrice": "3.6", "Timestamp": "2024-05-01T00:00:00+00:00" } ] }
END
    priced "cpu_s_per_s 0.001 -> 0.002 " --adapter trace --trace "$BATS_TEST_TMPDIR/ec2.json" --format ec2 \
        --zone us-east-1a --speed 3600
    stop
    priced "gbit_out_per_s 3.6 -> 7.2 " --adapter trace --trace "$BATS_TEST_TMPDIR/ec2.json" --format ec2 \
        --zone us-east-1a --speed 3600 --use gbit_out_per_s
    stop
    refused 1 "--trace $BATS_TEST_TMPDIR/ec2.json: more than one AvailabilityZone" --adapter trace \
        --trace "$BATS_TEST_TMPDIR/ec2.json" --format ec2
}

@test "priced: what it is asked for" {
    provider_start 10.77.0.1
    provider_says '{"price": 10}'
    priced "gbit_out_per_s 10" "${rest[@]}" --json-path price
    grep -q '^GET /prices?x=1 HTTP/1.1' "$provider/requests"
    grep -qi '^Host: 10.77.0.1:8080' "$provider/requests"
    stop
}

@test "priced: it asks again when the answer says" {
    provider_start 10.77.0.1
    provider_says '{"price": 10, "again": {"in_s": 3600}}'
    local patient=(--connect-timeout 20 --total-timeout 20) # or a slow answer is asked for again
    priced "gbit_out_per_s 10" "${rest[@]}" "${patient[@]}" --json-path price --poll 0.01 --ask-in-path again.in_s
    sleep 1
    [ "$(grep -c ^GET "$provider/requests")" -eq 1 ]
    stop
    provider_says '{"price": 10, "again": {"in_s": 0.2}}'
    priced "gbit_out_per_s 10" "${rest[@]}" --json-path price --poll 3600 --ask-in-path again.in_s
    provider_says '{"price": 12}'
    says "gbit_out_per_s 10 -> 12 "
    stop
}

@test "priced: CloudSigma's /pricing/, with its next price" {
    provider_start 10.77.0.1
    provider_says "$(cloudsigma 1 2)"
    priced "announced, in" --adapter rest --url http://10.77.0.1:8080/api/2.0/pricing/ --provider cloudsigma \
        --poll 0.2 --report 0.2 --jitter 0
    grep -q 'gbit_out_per_s 0.01 \$/Gbit; gbit_out_per_s 0.02 \$/Gbit announced, in 300 s' "$log"
    says 'board: gbit_out_per_s 0.01 $/Gbit, '
    says ', 0.02 announced, from rest http://10.77.0.1:8080/api/2.0/pricing/'
    provider_says "$(cloudsigma 2 2)"
    says 'gbit_out_per_s 0.01 -> 0.02 $/Gbit'
    stop
}

@test "priced and an app: the provider hangs, says 500, HTML, too much, NaN, a negative price, another currency, vanishes" {
    provider_start 10.77.0.1
    provider_says '{"price": 10, "currency": "USD"}'
    priced "gbit_out_per_s 10" "${rest[@]}" --json-path price --currency-path currency
    app
    [ "$BUILD" = build/san ] || vanished_s=60 # a minute, once
    every_trouble
    alive
    kill -0 "$app_pid"
    stop
}

@test "priced: a provider that trickles is given up; a redirection is not followed" {
    provider_start 10.77.0.1
    provider_says '{"price": 10}'
    priced "gbit_out_per_s 10" "${rest[@]}" --json-path price
    touch "$provider/trickle" # 60 bytes and more take over a second
    says "Operation timed out"
    rm "$provider/trickle"
    says "the provider answers again"
    provider_replies 'HTTP/1.1 302 Found\r\nLocation: http://10.77.0.1:8080/y\r\nContent-Length: 0\r\n\r\n'
    says "status 302"
    run grep -c '^GET /y' "$provider/requests"
    [ "$output" = 0 ]
    stop
}

@test "priced: trouble is logged once an interval" {
    provider_start 10.77.0.1
    provider_replies 'HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n'
    priced "status 500; no price is known yet" "${rest[@]}" --json-path price --log-every 60 --retry-most 0.05
    turns=$(grep -c ^GET "$provider/requests")
    for ((i = 0; i < 500; i++)); do
        [ "$(grep -c ^GET "$provider/requests")" -lt $((turns + 10)) ] || break
        sleep 0.02
    done
    [ "$(grep -c ^GET "$provider/requests")" -ge $((turns + 10)) ]
    [ "$(grep -c 'status 500' "$log")" -eq 1 ]
    stop
}

@test "priced: it backs off" {
    provider_start 10.77.0.1
    provider_replies 'HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n'
    priced "status 500" "${rest[@]}" --json-path price --retry 0.5 --retry-most 100 --jitter 0
    sleep 2.2 # asked at 0, 0.5, 1.5 and 3.5 s
    asked=$(grep -c ^GET "$provider/requests")
    echo "$asked"
    [ "$asked" -ge 1 ] && [ "$asked" -le 4 ]
    stop
}

@test "priced: it sleeps between polls" {
    provider_start 10.77.0.1
    provider_says '{"price": 10}'
    priced "gbit_out_per_s 10" "${rest[@]}" --json-path price --poll 60
    before=$(cpu_time)
    sleep 1
    used=$(($(cpu_time) - before))
    echo "used $used hundredths"
    [ "$used" -lt 20 ]
    stop
}

@test "priced: bad arguments: one line, status 2" {
    local use=(--use gbit_out_per_s)
    refused 2 "--adapter static, trace or rest is needed"
    refused 2 "option --adapter has no value" --adapter
    refused 2 "bad value for --adapter: coins" --adapter coins
    refused 2 "no option --speak" --speak 1
    refused 2 "--adapter static needs --price" --adapter static
    refused 2 "bad value for --price: gbit=1" --adapter static --price gbit=1
    refused 2 "bad value for --price: " --adapter static --price gbit_out_per_s=nan
    refused 2 "bad value for --price: " --adapter static --price gbit_out_per_s=1,
    refused 2 "bad value for --price: " --adapter static --price gbit_out_per_s=1,gbit_out_per_s=2
    refused 2 "--adapter trace needs --trace" --adapter trace
    refused 2 "bad value for --speed: 0" --adapter trace --trace x --speed 0
    refused 2 "a CSV trace names uses" --adapter trace --trace x "${use[@]}"
    refused 2 "--adapter rest needs --url" --adapter rest
    refused 2 "--adapter rest needs --use" --adapter rest --url http://10.77.0.1/
    refused 2 "each --use needs a --json-path" --adapter rest --url http://10.77.0.1/ "${use[@]}"
    refused 2 "bad value for --unit: usd_per_hour" --adapter rest --url http://10.77.0.1/ "${use[@]}" --unit usd_per_hour
    refused 2 "bad value for --json-path: a..b" --adapter rest --url http://10.77.0.1/ "${use[@]}" --json-path a..b
    refused 2 "--next-path needs --next-in" --adapter rest --url http://10.77.0.1/ "${use[@]}" --json-path a --next-path b
    refused 2 "the board's prices are in USD" --adapter rest --url http://10.77.0.1/ "${use[@]}" --json-path a --currency EUR
    refused 2 "bad value for --currency: euro" --adapter static --currency euro
    refused 2 "bad value for --ask-in-path: a." --adapter rest --url http://10.77.0.1/ --ask-in-path a.
    refused 2 "CloudSigma does not say when to ask" --adapter rest --url http://10.77.0.1/ --provider cloudsigma \
        --ask-in-path a
    refused 2 "--least is above --greatest" --adapter static --price gbit_out_per_s=1 --least gbit_out_per_s=5 \
        --greatest gbit_out_per_s=4
    refused 2 "bad value for --ip: 10.77.0.2" --adapter static --price gbit_out_per_s=1 --ip 10.77.0.2
    refused 1 "--url is http://HOST" --adapter rest --url ftp://10.77.0.1/ "${use[@]}" --json-path a
    refused 1 "--trace /none: no such file" --adapter trace --trace /none
    echo nonsense >"$BATS_TEST_TMPDIR/bad"
    refused 1 "--trace $BATS_TEST_TMPDIR/bad: line 1: the header" --adapter trace --trace "$BATS_TEST_TMPDIR/bad"
    refused 1 "--trace $BATS_TEST_TMPDIR/bad: no JSON: line 1" --adapter trace --trace "$BATS_TEST_TMPDIR/bad" --format ec2
}
