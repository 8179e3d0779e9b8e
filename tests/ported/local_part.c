/* The other file of local.c's program. */
#include "local.h"

__thread long shared = 7;
_Thread_local char text[4096];
static __thread long hidden __attribute__((tls_model("initial-exec"))) = 40;

long add_to_shared(long n) {
    return shared += n;
}

long next_hidden(void) {
    return ++hidden;
}
