# For memcached's tests (perl -MGuest): a connection to 127.0.0.1 goes to the guest that serves this
# port, if one does (memcached-debug), over its tap: so that a test meets nom's own TCP and UDP, not a
# proxy's. A UDP socket that a test binds to 127.0.0.1 is bound to every address, to reach it too.
package Guest;
use strict;
use warnings;
use Socket qw(inet_aton pack_sockaddr_in unpack_sockaddr_in INADDR_ANY INADDR_LOOPBACK SOL_SOCKET SO_TYPE SOCK_DGRAM AF_INET sockaddr_family);

sub local_port {
    my ($address) = @_;
    return 0 if sockaddr_family($address) != AF_INET;
    my ($port, $ip) = unpack_sockaddr_in($address);
    return $ip eq INADDR_LOOPBACK ? $port : 0;
}

BEGIN {
    no warnings 'once';
    *CORE::GLOBAL::connect = sub (*$) {
        my ($socket, $address) = @_;
        my $port = local_port($address);
        if ($port && open(my $file, '<', "$ENV{NOM_GUESTS}/$port")) {
            my $guest = <$file>;
            $address = pack_sockaddr_in($port, inet_aton($guest)) if $guest;
        }
        return CORE::connect($socket, $address);
    };
    *CORE::GLOBAL::bind = sub (*$) {
        my ($socket, $address) = @_;
        my $port = local_port($address);
        my $datagrams = unpack('i', getsockopt($socket, SOL_SOCKET, SO_TYPE)) == SOCK_DGRAM;
        $address = pack_sockaddr_in($port, INADDR_ANY) if $port && $datagrams;
        return CORE::bind($socket, $address);
    };
}
1;
