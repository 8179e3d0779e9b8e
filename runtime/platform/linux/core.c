/*
 * Cores as pinned threads: the first runs where the process was put, each other on the next of the
 * CPUs that the process may use, and there are no more cores than those.
 */
#include "floor.h"
#include "runtime/platform/platform.h"
#include <pthread.h>
#include <sched.h>

static struct core {
    bool taken;
    void (*run)(void *argument);
    void *argument;
} cores[PLAT_CORES_MAX] = {{.taken = true}};
static _Thread_local unsigned here;

unsigned plat_core_index(void) {
    return here;
}

/* The CPU of that place among those allowed, wrapping round; -1 if it would be of a core before. */
static int cpu_of(unsigned core, const cpu_set_t *allowed) {
    if (core >= (unsigned)CPU_COUNT(allowed))
        return -1;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, allowed) && core-- == 0)
            return cpu;
    return -1;
}

static void *begin(void *argument) {
    struct core *core = argument;
    here = (unsigned)(core - cores);
    core->run(core->argument);
    __atomic_store_n(&core->taken, false, __ATOMIC_RELEASE);
    return NULL;
}

static bool start_thread(struct core *core, int cpu) {
    pthread_t thread;
    pthread_attr_t how;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    if (pthread_attr_init(&how) != 0)
        return false;
    bool started = pthread_attr_setdetachstate(&how, PTHREAD_CREATE_DETACHED) == 0 &&
                   pthread_attr_setaffinity_np(&how, sizeof one, &one) == 0 &&
                   pthread_create(&thread, &how, begin, core) == 0;
    pthread_attr_destroy(&how);
    return started;
}

int plat_core_start(void (*run)(void *argument), void *argument) {
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return -1;
    for (unsigned i = 1; i < PLAT_CORES_MAX; i++) {
        struct core *core = &cores[i];
        int cpu = cpu_of(i, &allowed);
        if (__atomic_load_n(&core->taken, __ATOMIC_ACQUIRE) || cpu < 0 || plat_wait_core(i) != 0)
            continue;
        *core = (struct core){true, run, argument};
        if (start_thread(core, cpu))
            return (int)i;
        core->taken = false;
    }
    return -1;
}
