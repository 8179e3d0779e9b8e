/*
 * Both entries have the same registers, but that the fault entry wants its magic number in rcx,
 * which every call loses anyway.
 */
#include "call.h"

uint32_t plat_call_kind; /* upcall.S reads it, too */

void plat_call_start(uint32_t entry) {
    plat_call_kind = entry;
}

uint32_t plat_call_entry(void) {
    return plat_call_kind;
}

int64_t plat_call4(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
    int64_t result;
    register uint64_t fourth __asm__("r8") = d;
    if (plat_call_kind == NOM_ENTRY_SYSCALL) {
        __asm__ volatile("syscall"
                         : "=a"(result)
                         : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
                         : "rcx", "r11", "memory");
    } else {
        uint64_t magic = NOM_FAULT_CALL_MAGIC;
        __asm__ volatile("ud2"
                         : "=a"(result), "+c"(magic)
                         : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
                         : "r11", "memory");
    }
    return result;
}

int64_t plat_call(uint64_t number, uint64_t a, uint64_t b, uint64_t c) {
    return plat_call4(number, a, b, c, 0);
}
