/*
 * crash KIND: does one thing that ring 3 may not do. The kernel must end this app with a line that
 * names it; "crash: survived KIND" means that it did not. `crash list` names all kinds.
 */
#include "runtime/platform/nom/call.h"
#include "runtime/platform/platform.h"
#include <string.h>

#define KERNEL_IMAGE  0xffffffff80101000ULL
#define KERNEL_DIRECT 0xffff800000100000ULL
#define NOT_CANONICAL 0x1234567890abcdefULL
#define FLAG_TF       0x100ULL
#define FLAG_NT       0x4000ULL

static volatile uint64_t data_word = 0xc3; /* ret, were it executed */
static const char constant_text[] = "constant";

/* In assembly, so that the compiler makes nothing of what it sees. */
static void read_word(uint64_t address) {
    uint64_t value;
    __asm__ volatile("mov (%1), %0" : "=r"(value) : "r"(address));
}
static void write_word(uint64_t address) {
    __asm__ volatile("mov %0, (%1)" : : "r"(1ULL), "r"(address) : "memory");
}
static void jump(uint64_t address) {
    __asm__ volatile("jmp *%0" : : "r"(address));
}

static void divide(void) {
    __asm__ volatile("divl %0" : : "r"(0), "a"(1), "d"(0));
}
static void debug(void) {
    __asm__ volatile("pushfq; orq %0, (%%rsp); popfq; nop; nop" : : "i"(FLAG_TF));
}
static void breakpoint(void) {
    __asm__ volatile("int3");
}
static void software_interrupt(void) {
    __asm__ volatile("int $0x80");
}
static void timer_vector(void) {
    __asm__ volatile("int $0x20");
}
static void invalid(void) {
    __asm__ volatile("ud2" : : "c"(0));
}
static void not_canonical(void) {
    read_word(NOT_CANONICAL);
}
static void stack_not_canonical(void) {
    __asm__ volatile("mov %0, %%rsp; push %%rax" : : "r"(NOT_CANONICAL));
}
static void halt(void) {
    __asm__ volatile("hlt");
}
static void interrupts_off(void) {
    __asm__ volatile("cli");
}
static void port_in(void) {
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "d"((uint16_t)0x3f8));
}
static void port_out(void) {
    __asm__ volatile("outb %0, %1" : : "a"((uint8_t)0), "d"((uint16_t)0xf4));
}
static void msr_read(void) {
    __asm__ volatile("rdmsr" : : "c"(0xc0000080) : "rax", "rdx");
}
static void tables_set(void) {
    __asm__ volatile("mov %0, %%cr3" : : "r"(0ULL));
}
static void idt_set(void) {
    static const struct {
        uint16_t limit;
        uint64_t address;
    } __attribute__((packed)) pointer = {0, 0};
    __asm__ volatile("lidt %0" : : "m"(pointer));
}
static void kernel_segment(void) {
    __asm__ volatile("pushq $0x08; leaq 1f(%%rip), %%rax; pushq %%rax; lretq; 1:" : : : "rax");
}
static void nested_return(void) {
    __asm__ volatile("pushfq; orq %0, (%%rsp); popfq; iretq" : : "i"(FLAG_NT));
}
static void null_read(void) {
    read_word(0x10);
}
static void null_write(void) {
    write_word(0x10);
}
static void null_execute(void) {
    jump(0x10);
}
static void code_write(void) {
    write_word((uint64_t)plat_main);
}
static void constant_write(void) {
    write_word((uint64_t)constant_text);
}
static void data_execute(void) {
    jump((uint64_t)&data_word);
}
static void stack_execute(void) {
    volatile uint64_t word = 0xc3;
    jump((uint64_t)&word);
}
static void grant_execute(void) {
    jump((uint64_t)plat_dma_alloc(4096));
}
static void stack_overflow(void) {
    for (volatile char *p = __builtin_frame_address(0);; p -= 1024)
        *p = 1;
}
static void board_write(void) {
    write_word((uint64_t)plat_board());
}
static void initrd_write(void) {
    const void *data;
    size_t bytes;
    plat_file_next(0, &data, &bytes);
    write_word((uint64_t)data);
}
static void kernel_read(void) {
    read_word(KERNEL_IMAGE);
}
static void kernel_write(void) {
    write_word(KERNEL_IMAGE);
}
static void kernel_execute(void) {
    jump(KERNEL_IMAGE);
}
static void memory_read(void) {
    read_word(KERNEL_DIRECT);
}
static void worker_read(void) {
    read_word(0x200000);
}
static void x87(void) {
    uint16_t control = 0x0340; /* every exception unmasked */
    float zero = 0, one = 1;
    __asm__ volatile("fldcw %0; flds %2; fdivs %1; fwait" : : "m"(control), "m"(zero), "m"(one));
}
/* The way in that this machine does not use. */
static void other_call(void) {
    if (plat_call_entry() == NOM_ENTRY_SYSCALL)
        __asm__ volatile("ud2" : : "a"(NOM_SYS_EXIT), "D"(0), "c"(NOM_FAULT_CALL_MAGIC));
    else
        __asm__ volatile("syscall" : : "a"(NOM_SYS_EXIT), "D"(0) : "rcx", "r11");
}

static const struct {
    const char *name;
    void (*run)(void);
} kinds[] = {
    {"divide", divide},
    {"debug", debug},
    {"breakpoint", breakpoint},
    {"software-interrupt", software_interrupt},
    {"timer-vector", timer_vector},
    {"invalid", invalid},
    {"not-canonical", not_canonical},
    {"stack-not-canonical", stack_not_canonical},
    {"halt", halt},
    {"interrupts-off", interrupts_off},
    {"port-in", port_in},
    {"port-out", port_out},
    {"msr-read", msr_read},
    {"tables-set", tables_set},
    {"idt-set", idt_set},
    {"kernel-segment", kernel_segment},
    {"nested-return", nested_return},
    {"null-read", null_read},
    {"null-write", null_write},
    {"null-execute", null_execute},
    {"code-write", code_write},
    {"constant-write", constant_write},
    {"data-execute", data_execute},
    {"stack-execute", stack_execute},
    {"grant-execute", grant_execute},
    {"stack-overflow", stack_overflow},
    {"board-write", board_write},
    {"initrd-write", initrd_write},
    {"kernel-read", kernel_read},
    {"kernel-write", kernel_write},
    {"kernel-execute", kernel_execute},
    {"memory-read", memory_read},
    {"worker-read", worker_read},
    {"x87", x87},
    {"other-call", other_call},
};

int plat_main(int argc, char **argv) {
    const char *kind = argc > 1 ? argv[1] : "";
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kind, "list") == 0) {
            plat_log("kind %s", kinds[i].name);
        } else if (strcmp(kind, kinds[i].name) == 0) {
            kinds[i].run();
            plat_log("crash: survived %s", kind);
            return 1;
        }
    }
    return strcmp(kind, "list") == 0 ? 0 : 2;
}
