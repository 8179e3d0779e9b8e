/*
 * musl's atomic operations, in the place of its own header of this name. All threads of a program
 * are of one core and give way only where they wait, signals' handlers run in calls alone: plain
 * loads and stores are atomic enough, where a locked instruction costs tens of cycles, and more
 * where code is translated.
 */
#define a_cas a_cas
static inline int a_cas(volatile int *p, int expected, int value) {
    int old = *p;
    if (old == expected)
        *p = value;
    return old;
}

#define a_cas_p a_cas_p
static inline void *a_cas_p(volatile void *p, void *expected, void *value) {
    void *volatile *at = (void *volatile *)p;
    void *old = *at;
    if (old == expected)
        *at = value;
    return old;
}

#define a_swap a_swap
static inline int a_swap(volatile int *p, int value) {
    int old = *p;
    *p = value;
    return old;
}

#define a_fetch_add a_fetch_add
static inline int a_fetch_add(volatile int *p, int value) {
    int old = *p;
    *p = (int)((unsigned)old + (unsigned)value);
    return old;
}

#define a_store a_store
static inline void a_store(volatile int *p, int value) {
    *p = value;
}

#define a_barrier a_barrier
static inline void a_barrier(void) {
    __asm__ volatile("" ::: "memory");
}

#define a_crash a_crash
static inline void a_crash(void) {
    __builtin_trap();
}

#define a_ctz_64 a_ctz_64
static inline int a_ctz_64(uint64_t x) {
    return __builtin_ctzll(x);
}

#define a_clz_64 a_clz_64
static inline int a_clz_64(uint64_t x) {
    return __builtin_clzll(x);
}
