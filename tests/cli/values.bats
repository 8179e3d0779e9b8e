#!/usr/bin/env bats
# Delays, loads, schedules and numbers as typed. A refused line measures and stores nothing.
load lib.bash
setup() { cli_setup; }
teardown() { [ ! -e "$db" ]; }

profile() { nomctl profile nhttpd --db "$db" "$@"; }
run_app() { nomctl run nhttpd --db "$db" "$@"; }

@test "delays: malformed" {
    fails 2 "delays: '' is not a number" profile --delays ""
    fails 2 "delays: 'abc' is not a number" profile --delays abc
    fails 2 "delays: '' is not a number" profile --delays 1,,2
    fails 2 "delays: '' is not a number" profile --delays 1,2,
    fails 2 "delays: '1.2.3' is not a number" profile --delays 1.2.3
    fails 2 "delays: 'nan' is not a number" profile --delays nan
    fails 2 "delays: '0x10' is not a number" profile --delays 0x10
    fails 2 "delays: '1e2' is not a number" profile --delays 1e2
    fails 2 "delays: ' 4' is not a number" profile --delays "2, 4"
    fails 2 "delays: '.' is not a number" profile --delays .
    fails 2 "a range is LOW:HIGH:STEP" profile --delays 0:40
    fails 2 "a range is LOW:HIGH:STEP" profile --delays 0:40:2:1
    fails 2 "delays: '' is not a number" profile --delays ::
    fails 2 "LOW above HIGH" profile --delays 40:0:2
    fails 2 "a STEP of 0" profile --delays 0:40:0
    fails 2 "delays: 8 is given twice" profile --delays 8,4,8
}

@test "delays: out of range" {
    fails 2 "delays: '-1' is not a number" profile --delays=-1
    fails 2 "delays: 1001 is not between 0 and 1000" profile --delays 1001
    fails 2 "delays: 1000.1 is not between 0 and 1000" profile --delays 0:1000.1:500
    fails 2 "--delay: 2000 is not between 0 and 1000" run_app --delay 2000
}

@test "delays: too many" {
    fails 2 "1001 values, at most 256" profile --delays 0:1000:1
    fails 2 "at most 256 values" profile --delays "$(seq -s, 1 257)"
    fails 2 "at most 256" profile --delays 0:1000:0.00001
    fails 2 "2056 delays and loads together, at most 1024" \
        profile --delays 0:255:1 --loads 1,2,3,4,5,6,7,8
}

@test "loads: malformed, out of range, twice, too many" {
    fails 2 "load: 'lots' is neither single, many nor a number" profile --loads lots
    fails 2 "load: '' is neither" profile --loads ""
    fails 2 "load: '' is neither" profile --loads single,
    fails 2 "load: '1.5' is neither" profile --loads 1.5
    fails 2 "load: 0 is not between 1 and 4096" profile --loads 0
    fails 2 "load: 4097 is not between 1 and 4096" profile --loads 4097
    fails 2 "load: 99999999999999999999999 is not between" profile --loads 99999999999999999999999
    fails 2 "single and 1 are the same load" profile --loads single,1
    fails 2 "loads: at most 16" profile --loads "$(seq -s, 1 17)"
}

@test "numbers of a profile" {
    fails 2 "--repeats: 0 is not between 1 and 64" profile --repeats 0
    fails 2 "--repeats: '2.5' is not a whole number" profile --repeats 2.5
    fails 2 "--seconds: 0 is not between 0.05 and 3600" profile --seconds 0
    fails 2 "--warmup: 'x' is not a number" profile --warmup x
    fails 2 "--seed: '-1' is not a whole number" profile --seed=-1
}

@test "schedules: malformed" {
    fails 2 "--price: '' is not a number" run_app --price ""
    fails 2 "--price: 'free' is not a number" run_app --price free
    fails 2 "--price: 'x' is not a number" run_app --price 1,x@2s
    fails 2 "--price: '10' lacks the time it begins" run_app --price 1,10
    fails 2 "--price: the first value holds from 0 on" run_app --price 1@2s
    fails 2 "--price: '' is not a number" run_app --price 1,10@
    fails 2 "--price: 'soon' is not a number" run_app --price 1,10@soon
    fails 2 "the time 0s does not come after" run_app --price 1,10@0s
    fails 2 "the time 2s does not come after" run_app --price 1,10@3s,5@2s
    fails 2 "--price: the step at 10s is not before the end of the run at 10s" run_app --price 1,2@10s
    fails 2 "--load: the step at 5s is not before the end of the run at 4s" \
        run_app --seconds 4 --load many,single@5s
    fails 2 "load: 'heavy' is neither" run_app --load many,heavy@5s
    fails 2 "at most 64 steps" run_app --price "1$(seq -s '' -f ',2@%gs' 1 64)"
}

@test "recorded prices: files that will not do" {
    fails 2 "none.csv: No such file" run_app --price none.csv
    printf 'time_s,gbit_out_per_s:usd_per_gbit\n0,1\nsoon,2\n' >bad.csv
    fails 2 "bad.csv: line 3: no time: soon" run_app --price bad.csv
    printf 'time_s,cpu_s_per_s:usd_per_s\n0,1\n' >cpu.csv
    fails 2 "cpu.csv: it does not begin with a price of gbit_out_per_s" run_app --price cpu.csv
    printf 'time_s,gbit_out_per_s:usd_per_gbit\n0,1\n60,2\n' >fast.csv
    fails 2 "fast.csv: at --speed 1000 prices change 0.06 s apart" run_app --price fast.csv --speed 1000
    { echo time_s,gbit_out_per_s:usd_per_gbit && seq 0 99 | awk '{ print $1 "," $1 + 1 }'; } >long.csv
    fails 2 "long.csv: more than 64 prices in 10 s at --speed 9" run_app --price long.csv --speed 9
    printf 'time_s,gbit_out_per_s:usd_per_gbit\n0,2e9\n' >dear.csv
    fails 2 "dear.csv: 2e+09 \$/Gbit is more than 1e+09" run_app --price dear.csv
    echo '{"SpotPriceHistory": []}' >ec2.json
    fails 2 "ec2.json: no price in SpotPriceHistory" run_app --price ec2.json
    echo '{' >broken.json
    fails 2 "broken.json: no JSON: line" run_app --price broken.json
    : >empty
    fails 2 "empty: line 0: a trace without a price" run_app --price empty
    fails 2 "--speed and --scale go with --price FILE only" run_app --price 10 --speed 2
    fails 2 "--speed: 0 is not between" run_app --price fast.csv --speed 0
    fails 2 "--scale: 'x' is not a number" run_app --price fast.csv --scale x
}

@test "options of a run that exclude each other" {
    fails 2 "--table and --delay exclude each other" run_app --table t --delay 4
    fails 2 "--kick goes with --delay 0 only" run_app --delay 4 --kick strict
    fails 2 "--kick goes with --delay 0 only" run_app --kick strict
}

@test "utility: malformed" {
    for text in nonsense penalty:alpha penalty:alpha=x penalty:colour=1 penalty:alpha=-1; do
        run --separate-stderr nomctl table nhttpd --db "$db" --utility "$text" -o t
        echo "$text: $status $stderr"
        [ "$status" -eq 2 ]
        [ "${#stderr_lines[@]}" -eq 1 ]
    done
}

@test "several apps, and virtual processors" {
    fails 2 "--apps: 0 is not between 1 and 4" run_app --apps 0
    fails 2 "--apps: 5 is not between 1 and 4" run_app --apps 5
    fails 2 "--apps: 'two' is not a whole number" run_app --apps two
    fails 2 "--utility: given 2 times, for 1 app" run_app --utility simple --utility penalty
    fails 2 "--utility: given 2 times, for 3 apps" run_app --apps 3 --utility simple --utility penalty
    fails 2 "--table: given 3 times, for 2 apps" run_app --apps 2 --table a --table b --table c
    fails 2 "--table: given more than 4 times" run_app --apps 4 --table a --table b --table c \
        --table d --table e
    fails 2 "--vcpus: 0 is not between 1 and 16" run_app --vcpus 0
    fails 2 "--vcpus: 17 is not between 1 and 16" profile --vcpus 17
    fails 2 "--poll-us: 1000001 is not between 0 and 1000000" profile --poll-us 1000001
    fails 2 "--poll-us: '-1' is not a whole number" run_app --poll-us=-1
    fails 2 "--vcpus: 'x' is not a whole number" profile --vcpus x
    fails 2 "--vcpus: none of these floors is a guest" \
        nomctl compare nhttpd --db "$db" --on hosted,host --vcpus 2
}
