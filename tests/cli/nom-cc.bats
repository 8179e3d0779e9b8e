#!/usr/bin/env bats
# nom-cc as a compiler's driver, and what its link refuses. What runs is tried in tests/hosted and
# tests/guest.

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    cc=$PWD/${BUILD:-build}/bin/nom-cc
    cd "$BATS_TEST_TMPDIR" || return 1
    unset NOM_SANITIZE
    export NOM_FLOORS=program
}
program() { cat >"$1.c"; }
refuses() { # MESSAGE ARGUMENT...: one line on stderr, and nothing is made
    local message=$1
    shift
    run --separate-stderr "$cc" -o made "$@"
    echo "$status: $output $stderr"
    [ "$status" -ne 0 ] && [ ! -e made ] && [ "$stderr" = "nom-cc: $message" ]
}
bats_require_minimum_version 1.5.0

@test "nom-cc: --help, --version and gcc's questions" {
    "$cc" --help | grep -q -- '--host=x86_64-nom-musl'
    "$cc" --help | grep -q -- '--help'
    ! "$cc" --help | grep -q 'set -u'
    "$cc" --version | grep -q gcc
    "$cc" -v 2>&1 | grep -q 'gcc version'
    [ "$("$cc" -dumpmachine)" = x86_64-nom-musl ]
    [ -d "$("$cc" -print-sysroot)/include" ]
    [ -f "$("$cc" -print-prog-name=cc1)" ]
}

@test "nom-cc: -E, -S, -c, -M, and a program of standard input" {
    program one <<<'#include <stdio.h>
        int answer(void) { return EOF; }'
    "$cc" -E one.c | grep -q 'answer'
    "$cc" -S one.c && grep -q 'answer:' one.s
    "$cc" -c one.c && nm one.o | grep -q 'T answer'
    "$cc" -g -O3 -Wall -MMD -MF one.d -MT other -c -o two.o one.c && [ "$(cat one.d)" = "other: one.c" ] && [ -f two.o ]
    "$cc" -M one.c | grep -q sysroot/include/stdio.h
    echo 'int x = __nom__;' | "$cc" -E -xc - | grep -q 'int x = 1;'
    echo 'int main(void) { return 0; }' | "$cc" -o made -xc -
    [ -s made ]
}

@test "nom-cc: headers are musl's alone" {
    program none <<<'#include <gnu/libc-version.h>'
    run ! "$cc" -c none.c
    program own <<<'#include <stddef.h>
        #include <immintrin.h>
        #include <stdlib.h>
        #if defined __GLIBC__
        #error
        #endif'
    "$cc" -c own.c
}

@test "nom-cc: libraries, found by -l in their order, and a.out" {
    program part <<<'int part(void) { return 3; }'
    program uses <<<'#include <math.h>
        int part(void);
        int main(int n, char **v) { (void)v; return part() + (int)sqrt(n) ; }'
    "$cc" -c part.c && mkdir lib && ar rcs lib/libpart.a part.o
    "$cc" -pthread uses.c -Llib -lpart -lm -lpthread -lrt -ldl -Wl,-rpath,/none -Wl,--as-needed
    [ -s a.out ]
    "$cc" -o made uses.c -L lib -l part && "$cc" -o made uses.c lib/libpart.a
    run "$cc" -o made uses.c -lnowhere
    [ "$status" -ne 0 ] && grep -q nowhere <<<"$output"
    # of this Linux's libraries, none
    run "$cc" -o made uses.c -Llib -lpart -lz
    [ "$status" -ne 0 ]
}

@test "nom-cc: a program is one object: one name out, the calls in, constructors its own" {
    program whole <<<'#include <pthread.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <sys/epoll.h>
        static void *thread(void *p) { return malloc(*(int *)p); }
        __attribute__((constructor)) static void first(void) { puts("first"); }
        __attribute__((weak)) int nowhere(void);
        int main(int n, char **v) {
            pthread_t t;
            pthread_create(&t, NULL, thread, &n);
            printf("%f %s %d\n", strtod(v[0], NULL), getenv("HOME"), epoll_create1(0));
            return nowhere ? nowhere() : n;
        }'
    "$cc" -pthread -o made whole.c
    [ "$(nm -g --defined-only made | awk '{ print $3 }')" = posix_program_start ]
    run bash -c "nm -u made | awk '{ print \$2 }' | grep -vxFf '$("$cc" -print-sysroot)/lib/program.names'"
    [ -z "$output" ]
    ! readelf -SW made | grep -qE '[.](init|fini)_array'
    readelf -SW made | grep -q program_init
}

@test "nom-cc: refuses what is undefined, each by its name, unless nothing needs it" {
    program bad <<<'int nothing(void);
        int main(void) { return nothing(); }'
    refuses "undefined reference to 'nothing'" bad.c
    program bad <<<'extern int read_this;
        int unused(void); int unneeded(void) { return unused(); }
        int main(void) { return read_this; }'
    refuses "undefined reference to 'read_this'" bad.c
    sed -i 's/return read_this/return 0/' bad.c
    "$cc" -o made bad.c && [ -z "$(nm made | grep unused)" ] && rm made
    program bad <<<'int dummy;'
    refuses "undefined reference to 'main'" bad.c
}

@test "nom-cc: refuses system-call instructions" {
    for instruction in syscall sysenter 'int $0x80'; do
        program bad <<<"int main(void) { __asm__ volatile(\"$instruction\"); return 0; }"
        refuses "made: main: a system-call instruction (${instruction%% *}) is not supported" bad.c
    done
    # its bytes within others are none
    program good <<<'int main(void) { __asm__ volatile("movl $0x050f, %%eax" ::: "eax"); return 0; }'
    "$cc" -o made good.c
}

@test "nom-cc: refuses thread-local variables that it did not compile, and the register fs" {
    program bad <<<'#include <stdlib.h>
        static __thread int mine;
        int main(int n, char **v) { mine = n; return atoi(v[0]) + mine; }'
    gcc -fno-pic -c bad.c -o bad.o
    refuses "made: thread-local variables in an object that nom-cc did not compile" bad.o
    "$cc" -o made bad.c && rm made
    sed -i 's/int mine;/int mine __attribute__((aligned(128)));/' bad.c
    refuses "made: a thread-local variable aligned to 128 bytes, more than 64" bad.c
    program bad <<<'extern __thread int theirs;
        int main(void) { return theirs; }'
    refuses "undefined reference to 'theirs'" bad.c
    program bad <<<'int main(void) { int x; __asm__ volatile("movl %%fs:0x28, %0" : "=r"(x)); return x; }'
    refuses "made: main: the register fs (the stack protector, or thread-local) is not supported" bad.c
}

@test "nom-cc: thread-local variables of the assembler's, and words like theirs in texts" {
    program local <<<'__thread int x = 3; static __thread int y;
        int main(void) { return x + y; }'
    "$cc" -S -o local.s local.c && grep -q tlsgd local.s
    "$cc" -o made local.s && ! readelf -SW made | grep -qE '[.]t(data|bss)' && readelf -SW made | grep -q ' program_tls '
    program text <<<'#include <stdio.h>
        __thread int x; int main(void) { return puts("a@tlsgd .tbss @dtpoff") + x; }'
    "$cc" -o made text.c && grep -q 'a@tlsgd .tbss @dtpoff' made
}

@test "nom-cc: refuses shared libraries, and settings that it does not know" {
    program part <<<'int part(void) { return 3; }'
    refuses "shared libraries are not supported (configure with --disable-shared)" -shared part.c
    refuses "shared libraries are not supported (configure with --disable-shared)" -Wl,-shared part.c
    : >libpart.so
    refuses "libpart.so: shared libraries are not supported" part.c libpart.so
    NOM_FLOORS=cellar refuses "NOM_FLOORS is guest, hosted or program, not 'cellar'" part.c
    NOM_SANITIZE=memory refuses "NOM_SANITIZE is address or nothing, not 'memory'" part.c
    refuses "-o needs the name of a file" part.c -o
}

@test "nom-cc: a compiler's error is its own, and leaves nothing behind" {
    program bad <<<'int main(void) { return none; }'
    run --separate-stderr env TMPDIR="$PWD" "$cc" -o made bad.c
    [ "$status" -eq 1 ] && [ ! -e made ]
    grep -q "bad.c:1:.*error: 'none' undeclared" <(tr '‘’' "''" <<<"$stderr") || grep -q 'bad.c:1' <<<"$stderr"
    run ! compgen -G 'nom-cc.*'
}
