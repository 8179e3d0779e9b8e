/* A system call whose number is a variable: syscall(), and where musl passes one on. */
#include "syscall.h"

long posix_number(long n, long a, long b, long c, long d, long e, long f) {
    return posix_switch(n, a, b, c, d, e, f);
}
