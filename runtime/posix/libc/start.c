/*
 * The program's start: gives musl what a kernel would have left on the stack (arguments,
 * environment, auxiliary vector, in this order and without a gap), then lets it go its usual way.
 */
#include "../program.h"
#include <elf.h>
#include <stddef.h>
#include <string.h>

#define PAGE_BYTES      4096
#define TLS_ALIGN_BYTES 64 /* so much of a variable's alignment is kept; nom-cc refuses more */

/* Of program.ld: the thread-local variables as they begin, and those of them that are not 0. */
extern char program_tls_begin[], program_tls_set[], program_tls_end[];

int main(int argc, char **argv, char **environment);
int __libc_start_main(int (*program)(int, char **, char **), int argc, char **argv,
                      void (*init)(void), void (*fini)(void), void (*loader)(void));

_Noreturn void posix_program_start(int argc, char **argv, char **environment, const void *random) {
    static Elf64_Phdr tls;
    tls = (Elf64_Phdr){.p_type = PT_TLS,
                       .p_vaddr = (size_t)program_tls_begin,
                       .p_filesz = (size_t)program_tls_set - (size_t)program_tls_begin,
                       .p_memsz = (size_t)program_tls_end - (size_t)program_tls_begin,
                       .p_align = TLS_ALIGN_BYTES};
    const size_t auxiliary[] = {AT_PAGESZ,    PAGE_BYTES, AT_RANDOM,  (size_t)random, AT_PHDR,
                                (size_t)&tls, AT_PHENT,   sizeof tls, AT_PHNUM,       1,
                                AT_NULL,      0};
    size_t count = 0, arguments = (size_t)argc;
    while (environment[count])
        count++;
    size_t words = arguments + 1 + count + 1;
    /* On the stack, where musl looks for the first thread's: pthread_getattr_np. */
    char **block = __builtin_alloca(words * sizeof *block + sizeof auxiliary);
    memcpy(block, argv, arguments * sizeof *block);
    block[arguments] = NULL;
    memcpy(block + arguments + 1, environment, count * sizeof *block);
    block[words - 1] = NULL;
    memcpy(block + words, auxiliary, sizeof auxiliary);
    __libc_start_main(main, argc, block, NULL, NULL, NULL);
    __builtin_unreachable();
}
