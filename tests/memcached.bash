# shellcheck shell=bash disable=SC2154,SC2016 # ip is the caller's; perl's variables
# Stock clients against the memcached at $ip, of whichever floor: in_net runs a command where it can be
# reached. Needs libmemcached-tools, libcache-memcached-perl, python3-pymemcache.

# Both protocols, each of memccapable's tests.
memcapable_passes() {
    local said
    said=$(in_net memccapable -h "$ip" -p 11211 -t 30 2>&1) || { echo "$said"; return 1; }
    echo "$said"
    grep -q '^All tests passed' <<<"$said"
    ! grep -qE '\[(FAIL|skip)\]' <<<"$said"
}

# A file there and back; then it is no more.
tools_work() {
    local file=$BATS_TEST_TMPDIR/value text
    head -c 500000 /dev/urandom >"$file"
    in_net memcping --servers="$ip"
    in_net memccp --servers="$ip" "$file"
    in_net memccat --servers="$ip" --file="$file.back" value
    cmp "$file" "$file.back"
    text=$(in_net memcstat --servers="$ip")
    grep -Eq 'version: *1\.6\.18$' <<<"$text"
    in_net memcrm --servers="$ip" value
    if in_net memccat --servers="$ip" value; then return 1; fi
    in_net memcflush --servers="$ip"
}

perl_works() {
    in_net perl -MCache::Memcached -e '
        my $m = Cache::Memcached->new({servers => ["$ARGV[0]:11211"], connect_timeout => 30, select_timeout => 30});
        $m->set("list", [1, {two => 3}]) or die "set";
        $m->get("list")->[1]{two} == 3 or die "get";
        $m->set("large", "x" x 900_000) && length $m->get("large") == 900_000 or die "large";
        $m->set("n", 5) && $m->incr("n", 7) == 12 && $m->decr("n") == 11 or die "incr";
        $m->add("n", 1) and die "add";
        my $many = $m->get_multi("list", "n", "none");
        keys %$many == 2 or die "get_multi";
        $m->delete("list") or die "delete";
        defined $m->get("list") and die "deleted";' "$ip"
}

python_works() {
    in_net /usr/bin/python3 -c '
import sys
from pymemcache.client.base import Client
c = Client((sys.argv[1], 11211), timeout=30, default_noreply=False)
assert c.set("key", b"value") and c.get("key") == b"value"
value, token = c.gets("key")
assert c.cas("key", b"other", token) and c.cas("key", b"late", token) is False
assert c.set_many({"k%d" % i: b"v" * i for i in range(100)}) == []
assert len(c.get_many(["k%d" % i for i in range(100)])) == 100
assert c.append("key", b"!") and c.get("key") == b"other!"
assert c.touch("key", 100) and c.delete("key") and c.get("key") is None
assert c.version() == b"1.6.18" and int(c.stats()[b"curr_connections"]) >= 1' "$ip"
}
