/*
 * Instructions that ring 3 may not use, or to no effect: stubs as hostile.h says. What must fault
 * is followed by `succeeded`.
 */
    .set MAGIC, 0x6c6c61636d6f6e /* NOM_FAULT_CALL_MAGIC */
    .set NO_CALL, 99

    .macro table name
    .pushsection .rodata.\name, "a", @progbits
    .balign 8
    .global \name
\name:
    .popsection
    .endm
    .macro table_end name
    .pushsection .rodata.\name, "a", @progbits
    .quad 0, 0
    .popsection
    .endm
    .macro entry table, name
    .pushsection .rodata.names, "a", @progbits
7:  .asciz "\name"
    .popsection
    .pushsection .rodata.\table, "a", @progbits
    .quad 8f, 7b
    .popsection
8:
    .endm

    .macro succeeded
    movl $1, %eax
    ret
    .endm
    /* 0 if this is still ring 3: a far return may go to another segment of the same ring. */
    .macro still_ring3
    movl %cs, %eax
    notl %eax
    andl $3, %eax
    ret
    .endm
    /* One instruction or several (quoted, with ;) that must fault. */
    .macro faults name, code
    entry hostile_attempts, "\name"
    \code
    succeeded
    .endm
    /* A return that would change to another privilege or a strange segment. */
    .macro far_return cs
    entry hostile_attempts, "lretq to \cs"
    pushq $\cs
    leaq 9f(%rip), %rax
    pushq %rax
    lretq
9:  still_ring3
    .endm
    .macro interrupt_return cs, ss, flags=0x202
    entry hostile_attempts, "iretq to \cs, stack \ss, flags \flags"
    movq %rsp, %rcx
    pushq $\ss
    pushq %rcx
    pushq $\flags
    pushq $\cs
    leaq 9f(%rip), %rax
    pushq %rax
    iretq
9:  still_ring3
    .endm

    .text
/* bool hostile_try(stub, a, b, result) */
    .global hostile_try
hostile_try:
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    pushq %rcx
    rdfsbase %rax
    pushq %rax
    rdgsbase %rax
    pushq %rax
    movq %rsp, hostile_rsp(%rip)
    movq %rdi, %rax
    movq %rsi, %rdi
    movq %rdx, %rsi
    call *%rax
    xorl %edx, %edx
    jmp 1f
    .global hostile_recover /* where the handler sends a fault, with rsp = hostile_rsp */
hostile_recover:
    xorl %eax, %eax
    movl $1, %edx
1:  cld
    popq %rcx
    wrgsbase %rcx
    popq %rcx
    wrfsbase %rcx
    popq %rcx
    movq %rax, (%rcx)
    movl %edx, %eax
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    ret

    .global hostile_read, hostile_write, hostile_jump, hostile_push
hostile_read:
    movb (%rdi), %al
    succeeded
hostile_write:
    movb $0x5a, (%rdi)
    succeeded
hostile_jump:
    jmp *%rdi
hostile_push: /* to rdi */
    movq %rsp, %rbx
    leaq 8(%rdi), %rsp
    pushq $1
    movq %rbx, %rsp
    succeeded

/* A call that does not exist, on a stack that is not the app's: refused, and nothing else. */
    .global hostile_call_rsp
hostile_call_rsp:
    movq %rsp, %rbx
    movq %rdi, %rsp
    movl $NO_CALL, %eax
    movabsq $MAGIC, %rcx
    cmpl $1, %esi
    jne 1f
    syscall
    jmp 2f
1:  ud2
2:  movq %rbx, %rsp
    incq %rax /* -NOM_EINVAL */
    ret

/* 0 unless the flags are not such as ring 3 has them: IOPL 0, interrupts on, nothing traced. */
    .global hostile_flags
hostile_flags:
    pushfq
    popq %rax
    andl $0x27300, %eax
    xorl $0x200, %eax
    ret

    .global hostile_rdmsr, hostile_wrmsr
hostile_rdmsr:
    movl %edi, %ecx
    rdmsr
    succeeded
hostile_wrmsr:
    movl %edi, %ecx
    movl %esi, %eax
    shrq $32, %rsi
    movl %esi, %edx
    wrmsr
    succeeded

/* int n: HOSTILE_INTERRUPT_BYTES each. */
    .balign 16
    .global hostile_interrupts
hostile_interrupts:
    .set n, 0
    .rept 256
    .balign 16
    .byte 0xcd, n
    succeeded
    .set n, n + 1
    .endr

/* Ports: rdi = port, rsi = value. */
    table hostile_ports
    .macro port name, code
    entry hostile_ports, "\name"
    movl %edi, %edx
    movl %esi, %eax
    \code
    succeeded
    .endm
    port "inb", "inb %dx, %al"
    port "inw", "inw %dx, %ax"
    port "inl", "inl %dx, %eax"
    port "outb", "outb %al, %dx"
    port "outw", "outw %ax, %dx"
    port "outl", "outl %eax, %dx"
    port "insb", "leaq -64(%rsp), %rdi; insb"
    port "insl", "leaq -64(%rsp), %rdi; movl $2, %ecx; rep insl"
    port "outsb", "leaq -64(%rsp), %rsi; outsb"
    port "outsw", "leaq -64(%rsp), %rsi; movl $2, %ecx; rep outsw"
    table_end hostile_ports

/* Selectors in rdi. */
    table hostile_selectors
    .macro selector register
    entry hostile_selectors, "\register"
    movl %edi, %\register
    xorl %ecx, %ecx
    larl %edi, %eax /* a segment for ring 3, or none? */
    jnz 9f
    notl %eax
    shrl $13, %eax
    andl $3, %eax
    movl %eax, %ecx
9:  xorl %eax, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %ecx, %eax
    ret
    .endm
    selector ds
    selector es
    selector fs
    selector gs
    selector ss
    table_end hostile_selectors

    table hostile_attempts
    faults "hlt", "hlt"
    faults "cli", "cli"
    faults "sti", "sti"
    faults "clts", "clts"
    faults "invd", "invd"
    faults "wbinvd", "wbinvd"
    faults "invlpg own", "invlpg (%rsp)"
    faults "invlpg kernel", "movq $0xffffffff80100000, %rax; invlpg (%rax)"
    faults "invpcid", "xorl %eax, %eax; invpcid (%rsp), %rax"
    faults "lgdt", "lgdt -16(%rsp)"
    faults "lidt", "lidt -16(%rsp)"
    faults "lldt", "xorl %eax, %eax; lldt %ax"
    faults "lldt 0x28", "movl $0x28, %eax; lldt %ax"
    faults "ltr", "movl $0x28, %eax; ltr %ax"
    faults "lmsw", "movl $1, %eax; lmsw %ax"
    faults "swapgs", "swapgs"
    faults "sysretq", "leaq 1f(%rip), %rcx; movl $0x202, %r11d; sysretq; 1:"
    faults "sysretl", "leaq 1f(%rip), %rcx; movl $0x202, %r11d; sysretl; 1:"
    faults "sysexit", "leaq 1f(%rip), %rdx; movq %rsp, %rcx; .byte 0x0f, 0x35; 1:"
    faults "sysenter", "sysenter"
    faults "xsetbv", "xorl %ecx, %ecx; xorl %edx, %edx; movl $7, %eax; xsetbv"
    faults "rdpmc", "xorl %ecx, %ecx; rdpmc"
    faults "monitor", "leaq -64(%rsp), %rax; xorl %ecx, %ecx; xorl %edx, %edx; monitor"
    faults "mwait", "xorl %eax, %eax; xorl %ecx, %ecx; mwait"
    faults "stac", "stac"
    faults "clac", "clac"
    faults "rsm", "rsm"
    faults "vmlaunch", "vmlaunch"
    faults "vmresume", "vmresume"
    faults "vmxoff", "vmxoff"
    faults "vmxon", "vmxon -8(%rsp)"
    faults "vmptrld", "vmptrld -8(%rsp)"
    faults "vmread", "vmread %rax, %rbx"
    faults "invept", "invept -16(%rsp), %rax"
    faults "vmrun", "vmrun"
    faults "vmload", "vmload"
    faults "vmsave", "vmsave"
    faults "stgi", "stgi"
    faults "clgi", "clgi"
    faults "skinit", "skinit"
    faults "invlpga", "invlpga"
    faults "encls", "encls"
    faults "getsec", "xorl %eax, %eax; getsec"
    faults "xsaves", "xorl %edx, %edx; xorl %eax, %eax; andq $-64, %rsp; xsaves -1024(%rsp)"
    faults "icebp", ".byte 0xf1"
    faults "ud0", ".byte 0x0f, 0xff, 0xc0"
    faults "ud1", ".byte 0x0f, 0xb9, 0xc0"
    faults "ud2, no call", "xorl %ecx, %ecx; ud2"
    faults "lock nop", ".byte 0xf0, 0x90"
    faults "into", ".byte 0xce"
    faults "bound", ".byte 0x62, 0x00"
    faults "lcall 32-bit", ".byte 0x9a, 0, 0, 0, 0, 8, 0"
    faults "instruction of 16 bytes", ".rept 15; .byte 0x66; .endr; nop"
    .irp n, 0, 2, 3, 4, 8
    faults "mov to cr\n, 0", "xorl %eax, %eax; movq %rax, %cr\n"
    faults "mov to cr\n, ones", "orq $-1, %rax; movq %rax, %cr\n"
    faults "mov from cr\n", "movq %cr\n, %rax"
    .endr
    .irp n, 0, 1, 2, 3, 6, 7
    faults "mov to db\n, 0", "xorl %eax, %eax; movq %rax, %db\n"
    faults "mov to db\n, kernel", "movq $0xffffffff80100000, %rax; movq %rax, %db\n"
    faults "mov from db\n", "movq %db\n, %rax"
    .endr
    .irp n, 0x20, 0x21, 0x43, 0x60, 0x64, 0x70, 0x71, 0x80, 0xa1, 0xf4
    faults "inb \n", "inb $\n, %al"
    faults "inl \n", "inl $\n, %eax"
    faults "outb \n", "outb %al, $\n"
    faults "outl \n", "outl %eax, $\n"
    .endr
    .irp cs, 0x00, 0x03, 0x08, 0x0b, 0x10, 0x13, 0x18, 0x1b, 0x20, 0x28, 0x2b, 0x0f, 0x0c, 0x30, 0x33, 0xfffb
    far_return \cs
    .endr
    .irp cs, 0x00, 0x03, 0x08, 0x0b, 0x10, 0x13, 0x20, 0x28, 0x2b, 0x0f, 0x33
    interrupt_return \cs, 0x1b
    .endr
    .irp ss, 0x00, 0x08, 0x10, 0x13, 0x18, 0x23, 0x28, 0x0f
    interrupt_return 0x23, \ss
    .endr
    .irp cs, 0x08, 0x0b, 0x10, 0x1b, 0x28, 0x33
    entry hostile_attempts, "ljmp to \cs"
    subq $16, %rsp
    leaq 9f(%rip), %rax
    movq %rax, (%rsp)
    movq $\cs, 8(%rsp)
    .byte 0x48, 0xff, 0x2c, 0x24 /* ljmp *(%rsp), 64 bits */
9:  still_ring3
    entry hostile_attempts, "lcall to \cs"
    subq $16, %rsp
    leaq 9f(%rip), %rax
    movq %rax, (%rsp)
    movq $\cs, 8(%rsp)
    .byte 0x48, 0xff, 0x1c, 0x24 /* lcall */
9:  still_ring3
    .endr
    /* Returning with flags that are not the app's to set: they are not set. */
    .irp flags, 0x3202, 0x3000, 0x0, 0x20202, 0x180202, 0x203202
    entry hostile_attempts, "popf \flags"
    pushq $\flags
    popfq
    jmp hostile_flags
    entry hostile_attempts, "iretq, flags \flags"
    movq %rsp, %rcx
    pushq $0x1b
    pushq %rcx
    pushq $\flags
    pushq $0x23
    leaq hostile_flags(%rip), %rax
    pushq %rax
    iretq
    .endr
    /* NT: iretq refuses. TF: a trap, also around a call. */
    faults "iretq, NT", "pushq $0x4202; popfq; iretq"
    faults "popf TF", "pushq $0x302; popfq; nop; nop"
    .irp flags, 0x302, 0x44702
    entry hostile_attempts, "flags \flags, syscall"
    movl $NO_CALL, %eax
    movabsq $MAGIC, %rcx
    pushq $\flags
    popfq
    syscall
    nop
    succeeded
    entry hostile_attempts, "flags \flags, ud2"
    movl $NO_CALL, %eax
    movabsq $MAGIC, %rcx
    pushq $\flags
    popfq
    ud2
    nop
    pushq $0x202 /* not every KVM brings the trap */
    popfq
    notq %rax /* refused: the sign bit is set */
    shrq $63, %rax
    ret
    .endr
    /* A hypervisor's call is refused, or gives an error (KVM's, to ring 3). */
    .irp call, vmcall, vmmcall
    entry hostile_attempts, \call
    movl $1, %eax
    xorl %ebx, %ebx
    \call
    notq %rax
    shrq $63, %rax
    ret
    .endr
    /* A trap that is held back by a load of SS must not come to ring 0. */
    faults "mov ss, TF, int", "movl $0x1b, %eax; pushq $0x302; popfq; movl %eax, %ss; int $0x80"
    faults "mov ss, TF, int3", "movl $0x1b, %eax; pushq $0x302; popfq; movl %eax, %ss; int3"
    faults "mov ss, icebp", "movl $0x1b, %eax; movl %eax, %ss; .byte 0xf1"
    table_end hostile_attempts

    table hostile_natives
    entry hostile_natives, "wrpkru"
    .global hostile_wrpkru
hostile_wrpkru:
    movl %edi, %eax
    xorl %ecx, %ecx
    xorl %edx, %edx
    wrpkru
    succeeded
    .macro native_return cs
    entry hostile_natives, "iretq to \cs"
    .global hostile_iretq_data
hostile_iretq_data:
    movq %rsp, %rcx
    pushq $0x1b
    pushq %rcx
    pushq $0x202
    pushq $\cs
    leaq 9f(%rip), %rax
    pushq %rax
    iretq
9:  still_ring3
    .endm
    native_return 0x1b
    table_end hostile_natives

    .bss
    .balign 8
    .global hostile_rsp
hostile_rsp:
    .quad 0

    .section .note.GNU-stack, "", @progbits
