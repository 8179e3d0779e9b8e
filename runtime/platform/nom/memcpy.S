/*
 * memcpy of guests' apps, in the place of the C library's, whose string instruction costs tens of
 * cycles to begin and is slow where code is translated. Also that of ported programs, on all
 * floors. Ends overlap rather than loop: a copy of up to 64 bytes is a few loads, then as many
 * stores; of a longer one the last block is loaded first. So it also moves towards lower
 * addresses, which musl's memmove expects of __memcpy_fwd.
 */
    .text
    .globl memcpy, __memcpy_fwd
    .hidden __memcpy_fwd
    .type memcpy, @function
    .type __memcpy_fwd, @function
    .p2align 4
memcpy:
__memcpy_fwd:
    mov %rdi, %rax
    cmp $16, %rdx
    jb 3f
    cmp $32, %rdx
    ja 1f
    movups (%rsi), %xmm0
    movups -16(%rsi,%rdx), %xmm1
    movups %xmm0, (%rdi)
    movups %xmm1, -16(%rdi,%rdx)
    ret
1:  lea -64(%rsi,%rdx), %rcx /* where the last block begins */
    lea -64(%rdi,%rdx), %r8
    cmp $64, %rdx
    ja 2f
    movups (%rsi), %xmm0
    movups 16(%rsi), %xmm1
    movups 32(%rcx), %xmm2
    movups 48(%rcx), %xmm3
    movups %xmm0, (%rdi)
    movups %xmm1, 16(%rdi)
    movups %xmm2, 32(%r8)
    movups %xmm3, 48(%r8)
    ret
2:  movups (%rcx), %xmm4
    movups 16(%rcx), %xmm5
    movups 32(%rcx), %xmm6
    movups 48(%rcx), %xmm7
    .p2align 4
7:  movups (%rsi), %xmm0
    movups 16(%rsi), %xmm1
    movups 32(%rsi), %xmm2
    movups 48(%rsi), %xmm3
    movups %xmm0, (%rdi)
    movups %xmm1, 16(%rdi)
    movups %xmm2, 32(%rdi)
    movups %xmm3, 48(%rdi)
    add $64, %rsi
    add $64, %rdi
    cmp %rcx, %rsi
    jb 7b
    movups %xmm4, (%r8)
    movups %xmm5, 16(%r8)
    movups %xmm6, 32(%r8)
    movups %xmm7, 48(%r8)
    ret
3:  cmp $8, %edx
    jb 4f
    mov (%rsi), %rcx
    mov -8(%rsi,%rdx), %r8
    mov %rcx, (%rdi)
    mov %r8, -8(%rdi,%rdx)
    ret
4:  cmp $4, %edx
    jb 5f
    mov (%rsi), %ecx
    mov -4(%rsi,%rdx), %r8d
    mov %ecx, (%rdi)
    mov %r8d, -4(%rdi,%rdx)
    ret
5:  test %edx, %edx
    jz 6f
    movzbl (%rsi), %ecx
    movzbl -1(%rsi,%rdx), %r8d
    mov %edx, %r9d
    shr %r9d
    movzbl (%rsi,%r9), %r10d
    mov %cl, (%rdi)
    mov %r10b, (%rdi,%r9)
    mov %r8b, -1(%rdi,%rdx)
6:  ret
    .size memcpy, . - memcpy
    .section .note.GNU-stack, "", @progbits
