/*
 * Thread-local variables: takes the place of musl's __tls_get_addr. nom-as has put them into the
 * section program_tls (program.ld), which is what musl copies for each thread, and has the caller
 * pass the variable's place there.
 */
#include "pthread_impl.h"

hidden extern char program_tls_begin[];

void *__tls_get_addr(tls_mod_off_t *variable) {
    return (char *)__pthread_self()->dtv[1] + ((char *)variable - program_tls_begin);
}
