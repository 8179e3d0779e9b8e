/*
 * A fuzzer of system calls. Half of the calls are made of numbers and arguments drawn from what is
 * interesting; the others are good ones, or bad by one thing only, about frames that it keeps
 * account of (model.c), so that the kernel's own state gets deep. What it must not do is to end or
 * to block by accident: what would is changed before the call (tame).
 *
 * Invariants looked at as it goes: results are in range; canaries are as they were; the board is
 * well-formed.
 */
#include "calls.h"
#include "runtime/platform/nom/upcall.h"
#include <string.h>

#define LOOK_EVERY   4096u
#define NUMBERS      (NOM_SYS_COUNT + 1u)
#define CANARY       0x79726e6163ULL
#define WAIT_NS_MAX  20000u
#define PRINT_SELDOM 20000u
#define YIELD_SELDOM 32u /* a neighbour that polls then has its slice */
#define WAIT_SELDOM  16u
#define DONE_MAX_US  60000000u

static uint8_t scratch[3 * PAGE] __attribute__((aligned(4096)));
static uint64_t canaries[512] __attribute__((aligned(4096)));
static const uint64_t constant[64] = {1, 2, 3};
static uint64_t results[NUMBERS][ERRORS + 1]; /* by error; the last: above 0 */
static unsigned wrong;
static uint64_t made, wanted;
static struct seeded dice;

uint64_t calls_below(uint64_t n) {
    return seeded_below(&dice, n);
}

void calls_wrong(const char *what, uint64_t a, uint64_t b) {
    if (wrong++ < 20)
        plat_log("hostile: wrong: %s (0x%llx, 0x%llx)", what, (unsigned long long)a,
                 (unsigned long long)b);
}

int64_t calls_make(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
    int64_t result = number == NOM_SYS_WAIT || number == NOM_SYS_YIELD
                         ? plat_call_losing(number, a, b)
                         : plat_call4(number, a, b, c, d);
    uint64_t n = number < NOM_SYS_COUNT ? number : NOM_SYS_COUNT;
    made++;
    if (result <= -ERRORS || result > (int64_t)NOM_EVENTS_ALL)
        calls_wrong("a result out of range", number, (uint64_t)result);
    else
        results[n][result > 0 ? ERRORS : -result]++;
    if (n == NOM_SYS_COUNT && result != -NOM_EINVAL)
        calls_wrong("a call that does not exist", number, (uint64_t)result);
    return result;
}

static uint64_t anything(void) {
    static const uint64_t fixed[] = {0,
                                     1,
                                     2,
                                     ~0ULL,
                                     ~0ULL - 1,
                                     PAGE,
                                     LARGE,
                                     KERNEL_IMAGE,
                                     KERNEL_IMAGE + PAGE,
                                     KERNEL_DIRECT,
                                     KERNEL_DIRECT + 0x100000,
                                     NOT_CANONICAL,
                                     HALF_END,
                                     HALF_END - 8,
                                     ~0ULL << 12,
                                     NOM_MAP_END,
                                     NOM_MAP_END - PAGE,
                                     NOM_MAP_START - PAGE,
                                     DEVICES_START,
                                     0xfee00000,
                                     0xfec00000,
                                     0xb0000000,
                                     0xd0000000,
                                     (uint64_t)constant,
                                     (uint64_t)hostile_calls,
                                     1ULL << 32 | 1,
                                     NOM_PRINT_MAX,
                                     NOM_PRINT_MAX + 1,
                                     NOM_CHANNELS_MAX,
                                     NOM_CHANNEL_BYTES_MAX + 1};
    uint64_t board = (uint64_t)plat_board();
    switch (calls_below(12)) {
    case 0:
        return calls_below(16);
    case 1:
        return (1ULL << calls_below(64)) + calls_below(3) - 1;
    case 2:
        return board + calls_below(4) * PAGE - 2 * PAGE + calls_below(PAGE);
    case 3:
        return (uint64_t)scratch + calls_below(2 * PAGE);
    case 4:
        return model_address();
    case 5:
        return model_physical();
    case 6:
        return seeded_next(&dice) >> calls_below(64);
    case 7:
        return calls_below(plat_board()->memory_bytes / PAGE + 64) * PAGE;
    case 8:
        return spare_pick();
    case 9:
        return spare_address();
    default:
        return fixed[calls_below(sizeof fixed / sizeof fixed[0])];
    }
}

static bool meets(uint64_t address, uint64_t bytes, uint64_t start, uint64_t end) {
    return address < end && (bytes > end || address + bytes > start || address + bytes < address);
}

/* Whether a write, or a change of the mapping, here would hurt the fuzzer itself. */
static bool own(uint64_t address, uint64_t bytes) {
    uint64_t here = (uint64_t)__builtin_frame_address(0), context = (uint64_t)hostile_context();
    return meets(address, bytes, 0x10000, 0x40000000) ||
           meets(address, bytes, here - LARGE, here + LARGE) ||
           meets(address, bytes, context, context + PLAT_CORES_MAX * PAGE) ||
           meets(address, bytes, NOM_MAP_START, MODEL_START);
}

static uint64_t pointer(uint64_t address) {
    bool ours = address >= (uint64_t)scratch && address < (uint64_t)scratch + 2 * PAGE;
    address = model_pointer(address);
    return !ours && own(address, sizeof(struct nom_device))
               ? (uint64_t)scratch + (address & (PAGE - 1))
               : address;
}

static bool is_core(uint64_t id) {
    const struct nom_resource *r = hostile_resource(id);
    return r && r->kind == NOM_RESOURCE_CORE;
}

/* The resource may be tried: no core that nobody has, for this app would have to do something
 * there; none at all once this app may have several. */
static bool plain(uint64_t id) {
    const struct nom_resource *r = hostile_resource(id);
    return !is_core(id) || (made * 2 < wanted - 2 && r->owner != 0 &&
                            r->owner != ((const struct nom_start *)MODEL_START_PAGE)->app);
}

static void tame(uint64_t number, uint64_t a[4]) {
    switch (number) {
    case NOM_SYS_EXIT:
        a[0] = a[0] <= NOM_EXIT_STATUS_MAX ? a[0] + NOM_EXIT_STATUS_MAX + 1 : a[0];
        break;
    case NOM_SYS_PRINT:
        if (a[1] <= NOM_PRINT_MAX && calls_below(PRINT_SELDOM))
            a[1] = calls_below(2) ? 0 : a[1] + NOM_PRINT_MAX + 1;
        break;
    case NOM_SYS_ACQUIRE:
    case NOM_SYS_RELEASE:
        if (!plain(a[0]) || (number == NOM_SYS_ACQUIRE && is_core(a[0])))
            a[0] += 1ULL << 32; /* none has this */
        if (number == NOM_SYS_RELEASE && spare_keeps(a[0]))
            a[0] += 1ULL << 32;
        if (number == NOM_SYS_ACQUIRE)
            a[1] = pointer(a[1]);
        break;
    case NOM_SYS_GRANT: /* much only seldom: it would be cleared */
        if (a[0] > 4 * LARGE && a[0] < 2 * plat_board()->memory_bytes && calls_below(1000))
            a[0] &= 4 * LARGE - 1;
        a[2] = pointer(a[2]);
        break;
    case NOM_SYS_UNMAP:
    case NOM_SYS_PROTECT:
        if (own(a[0], a[1]))
            a[0] += NOM_MAP_END;
        break;
    case NOM_SYS_WAIT:
        if (calls_below(WAIT_SELDOM))
            a[0] |= NOM_EVENT_PREEMPT; /* refused */
        else if (a[1] == 0 || a[1] > WAIT_NS_MAX)
            a[1] = a[1] % WAIT_NS_MAX + 1;
        break;
    case NOM_SYS_QUERY:
    case NOM_SYS_CHANNEL:
        a[2] = pointer(a[2]);
        break;
    default:
        break;
    }
}

static void any_call(void) {
    uint64_t number = calls_below(8) ? calls_below(NOM_SYS_COUNT) : anything();
    if (number == NOM_SYS_YIELD && calls_below(YIELD_SELDOM))
        number = NOM_SYS_COUNT;
    uint64_t a[4] = {anything(), anything(), anything(),
                     calls_below(3) ? calls_below(5) : anything()};
    if (calls_below(4) == 0)
        a[0] = calls_below(4); /* an operation, a query */
    if (number == NOM_SYS_UNMAP || number == NOM_SYS_PROTECT || number == NOM_SYS_MAP ||
        number == NOM_SYS_FREE)
        if (calls_below(2))
            a[number == NOM_SYS_MAP ? 2 : 1] = (1 + calls_below(4)) * PAGE;
    tame(number, a);
    int64_t result = calls_make(number, a[0], a[1], a[2], a[3]);
    model_after(number, a, result);
}

static void look(void) {
    const struct nom_board *board = plat_board();
    uint32_t sequence = __atomic_load_n(&board->sequence, __ATOMIC_ACQUIRE);
    if (board->magic != NOM_BOARD_MAGIC || board->version != NOM_BOARD_VERSION ||
        board->memory_free_bytes > board->memory_bytes ||
        board->resource_count > NOM_BOARD_RESOURCES_MAX)
        calls_wrong("the board", sequence, board->memory_free_bytes);
    for (uint32_t i = 0; i < board->resource_count && i < NOM_BOARD_RESOURCES_MAX; i++)
        if ((board->resources[i].id - 1) % NOM_BOARD_RESOURCES_MAX != i ||
            board->resources[i].owner > NOM_APPS_MAX)
            calls_wrong("a resource", i, board->resources[i].owner);
    for (unsigned i = 0; i < sizeof canaries / sizeof canaries[0]; i++)
        if (canaries[i] != CANARY + i)
            calls_wrong("a canary", i, canaries[i]);
    if (constant[0] != 1 || constant[1] != 2 || constant[2] != 3 || constant[3] != 0)
        calls_wrong("a constant", constant[0], constant[1]);
    model_look();
}

static void report(void) {
    static const char *const names[NUMBERS] = {
        "exit",    "print", "query", "acquire", "release", "grant",   "map",       "unmap", "free",
        "protect", "wait",  "yield", "resume",  "notify",  "channel", "interrupt", "others"};
    for (unsigned n = 0; n < NUMBERS; n++) {
        const uint64_t *r = results[n];
        plat_log("hostile: %-9s %llu done, EINVAL %llu, EFAULT %llu, ENOENT %llu, EBUSY %llu, "
                 "ENOMEM %llu, EPERM %llu",
                 names[n], (unsigned long long)(r[0] + r[ERRORS]),
                 (unsigned long long)r[NOM_EINVAL], (unsigned long long)r[NOM_EFAULT],
                 (unsigned long long)r[NOM_ENOENT], (unsigned long long)r[NOM_EBUSY],
                 (unsigned long long)r[NOM_ENOMEM], (unsigned long long)r[NOM_EPERM]);
    }
    spare_report();
    plat_log("hostile: %llu calls, %u wrong", (unsigned long long)made, wrong);
}

/* Nobody else takes or gives memory. */
static bool alone(void) {
    unsigned running = 0;
    for (unsigned i = 0; i < NOM_APPS_MAX; i++)
        running += plat_board()->apps[i].state == NOM_APP_RUNS;
    return running == 1;
}

int hostile_calls(uint64_t count, uint64_t seed, const char *more) {
    const struct nom_board *board = plat_board();
    bool keep = strcmp(more, "keep") == 0, lose = strcmp(more, "lose") == 0;
    bool devices = keep || lose || strcmp(more, "devices") == 0;
    uint64_t end = plat_now_us() + DONE_MAX_US;
    dice.state = seed;
    wanted = count;
    for (unsigned i = 0; i < sizeof canaries / sizeof canaries[0]; i++)
        canaries[i] = CANARY + i;
    spare_start(lose);
    bool was_alone = alone();
    uint64_t free_bytes = board->memory_free_bytes;
    for (uint64_t i = 0;
         made < count || (devices && !keep && !spare_done(lose) && plat_now_us() < end); i++) {
        if (calls_below(2))
            any_call();
        else if (devices && calls_below(4))
            spare_step();
        else
            model_step(made > count / 2);
        if (i % LOOK_EVERY == 0)
            look();
    }
    look();
    if (!keep)
        model_end();
    if (was_alone && !keep && board->memory_free_bytes + model_kept_bytes() != free_bytes)
        calls_wrong("free memory at the end and before", board->memory_free_bytes, free_bytes);
    report();
    return wrong ? 1 : 0;
}
