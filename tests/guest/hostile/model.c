/*
 * What the fuzzer has: frames (each a page or a large one, and where it is mapped), channels, the
 * right to publish prices, a guest on another core. Every call that succeeds must have been one
 * about these.
 *
 * Each frame that was mapped for writing holds a stamp of its own, which it must keep wherever it
 * is mapped next.
 */
#include "calls.h"

#define FRAMES_MAX  160u
#define LARGE_MAX   4u
#define PLACES      512u /* pages from MODEL_START where frames are mapped */
#define STAMP_AT    2048u
#define GUESTS      16u
#define GUEST_CALLS 200u

static struct frame { uint64_t physical, bytes, address, rights, stamp; } frames[FRAMES_MAX];
static unsigned frame_count, large_count;
static uint64_t stamp_next = 0x1000;
static bool prices;
static uint32_t channels; /* a bit each */

/* ---- frames ---- */

static struct frame *by_physical(uint64_t physical) {
    for (unsigned i = 0; i < frame_count; i++)
        if (frames[i].physical == physical)
            return &frames[i];
    return NULL;
}

static struct frame *by_address(uint64_t address) {
    for (unsigned i = 0; i < frame_count; i++)
        if (frames[i].address && frames[i].address == address)
            return &frames[i];
    return NULL;
}

static void drop(struct frame *f) {
    large_count -= f->bytes == LARGE;
    *f = frames[--frame_count];
}

/* Frames just granted: kept, or given back at once. */
static void keep(uint64_t physical, uint64_t bytes) {
    /* Of pages are at most this many: a little less, rounded up. */
    uint64_t unit = bytes > NOM_FRAMES_LARGE ? LARGE : PAGE, n = bytes / unit;
    if (by_physical(physical) || bytes % unit || physical % unit)
        calls_wrong("a grant", physical, bytes);
    if (frame_count + n > FRAMES_MAX || (unit == LARGE && large_count + n > LARGE_MAX)) {
        if (calls_make(NOM_SYS_FREE, physical, bytes, 0, 0) != 0)
            calls_wrong("a grant is not taken back", physical, bytes);
        return;
    }
    for (; n > 0; n--, physical += unit)
        frames[frame_count++] = (struct frame){.physical = physical, .bytes = unit};
    large_count += (unsigned)(unit == LARGE ? bytes / LARGE : 0);
}

static volatile uint64_t *stamp_of(const struct frame *f) {
    return (volatile uint64_t *)(f->address + STAMP_AT);
}

/* It has just been mapped, or its rights are others. */
static void mapped(struct frame *f, uint64_t address, uint64_t rights) {
    f->address = address;
    f->rights = rights;
    if (*stamp_of(f) != f->stamp)
        calls_wrong("a frame holds another stamp", *stamp_of(f), f->stamp);
    if (rights & NOM_RIGHT_WRITE)
        *stamp_of(f) = f->stamp = ++stamp_next;
}

static void granted(uint64_t pointer) {
    const struct nom_frames *out = (const struct nom_frames *)pointer;
    struct nom_frames copy = *out;
    keep(copy.physical, copy.bytes);
}

static void map_done(const uint64_t a[4]) {
    for (uint64_t done = 0; done < a[2];) {
        struct frame *f = by_physical(a[1] + done);
        if (!f || f->address || a[2] - done < f->bytes || by_address(a[0] + done)) {
            calls_wrong("a map that was to be refused", a[0] + done, a[1] + done);
            return;
        }
        mapped(f, a[0] + done, a[3]);
        done += f->bytes;
    }
}

/* UNMAP, FREE, PROTECT have succeeded on [start, start + bytes). */
static void range_done(uint64_t number, uint64_t start, uint64_t bytes, uint64_t rights) {
    for (uint64_t done = 0, unit; done < bytes; done += unit) {
        struct frame *f =
            number == NOM_SYS_FREE ? by_physical(start + done) : by_address(start + done);
        if (!f || (number == NOM_SYS_FREE && f->address) || bytes - done < f->bytes) {
            calls_wrong("a call that was to be refused", number, start + done);
            return;
        }
        unit = f->bytes;
        if (number == NOM_SYS_FREE)
            drop(f);
        else if (number == NOM_SYS_UNMAP)
            f->address = 0;
        else
            mapped(f, f->address, rights);
    }
}

uint64_t model_address(void) {
    return MODEL_START + calls_below(PLACES) * PAGE + (calls_below(4) ? 0 : calls_below(PAGE));
}

uint64_t model_physical(void) {
    if (frame_count == 0)
        return PAGE;
    return frames[calls_below(frame_count)].physical + (calls_below(8) ? 0 : calls_below(3) * 2048);
}

uint64_t model_pointer(uint64_t address) {
    if (address < MODEL_START - PAGE || address >= MODEL_START + 2 * PLACES * PAGE)
        return address;
    uint64_t within = address & (PAGE - 1);
    return within + sizeof(struct nom_device) > STAMP_AT && within < STAMP_AT + 8
               ? address & ~(PAGE - 1)
               : address;
}

/* ---- steps ---- */

static void step_grant(void) {
    struct nom_frames out;
    uint64_t free_bytes = plat_board()->memory_free_bytes;
    uint64_t bytes = calls_below(64) ? (calls_below(4) + 1) * PAGE - calls_below(PAGE) : LARGE;
    int64_t result = calls_make(NOM_SYS_GRANT, bytes, 0, (uint64_t)&out, 0);
    if (result == 0)
        keep(out.physical, out.bytes);
    else if (result != -NOM_ENOMEM || free_bytes > 4 * LARGE)
        calls_wrong("a grant that was to be given", bytes, (uint64_t)result);
}

static void step_map(struct frame *f) {
    uint64_t rights = calls_below(4) ? NOM_RIGHT_WRITE : calls_below(4);
    uint64_t address = MODEL_START + calls_below(PLACES) * PAGE;
    if (f->bytes == LARGE)
        address = MODEL_START + PLACES * PAGE + calls_below(LARGE_MAX) * LARGE;
    int64_t expected = rights == 3                         ? -NOM_EINVAL
                       : f->address || by_address(address) ? -NOM_EBUSY
                                                           : 0;
    int64_t result = calls_make(NOM_SYS_MAP, address, f->physical, f->bytes, rights);
    if (result == 0 && expected == 0)
        mapped(f, address, rights);
    else if (result != expected && result != -NOM_ENOMEM)
        calls_wrong("a map", (uint64_t)expected, (uint64_t)result);
}

static void step_unmap(struct frame *f) {
    if (!f->address)
        return;
    if (calls_make(NOM_SYS_FREE, f->physical, f->bytes, 0, 0) != -NOM_EBUSY)
        calls_wrong("a free of what is mapped", f->physical, f->address);
    if (hostile_behind(f->address + 5) != f->physical + 5)
        calls_wrong("a frame lies elsewhere", f->address, f->physical);
    if (calls_make(NOM_SYS_UNMAP, f->address, f->bytes, 0, 0) != 0)
        calls_wrong("an unmap", f->address, f->bytes);
    f->address = 0;
}

static void step_free(struct frame *f) {
    uint64_t physical = f->physical, bytes = f->bytes;
    if (f->address)
        step_unmap(f);
    if (calls_make(NOM_SYS_FREE, physical, bytes, 0, 0) != 0)
        calls_wrong("a free", physical, bytes);
    drop(f);
    if (calls_make(NOM_SYS_MAP, MODEL_START, physical, bytes, 0) == 0)
        calls_wrong("a map of what was given back", physical, bytes);
}

static void step_protect(struct frame *f) {
    uint64_t rights = calls_below(3);
    if (!f->address)
        return;
    if (calls_make(NOM_SYS_PROTECT, f->address, f->bytes, rights, 0) != 0)
        calls_wrong("a protect", f->address, rights);
    else
        mapped(f, f->address, rights);
}

static void channel(uint64_t op, uint64_t key, uint64_t bytes) {
    struct nom_channel out = {.bytes = bytes};
    int64_t result = calls_make(NOM_SYS_CHANNEL, op, key, (uint64_t)&out, 0);
    if (result != 0)
        return;
    if (op == NOM_CHANNEL_CLOSE) {
        channels &= ~(1u << key);
        return;
    }
    channels |= 1u << out.number;
    *(volatile uint64_t *)out.address = 1;
    *(volatile uint64_t *)(out.address + out.bytes - 8) = 1;
}

static void step_channel(void) {
    uint64_t key = calls_below(NOM_CHANNELS_MAX);
    switch (calls_below(4)) {
    case 0:
        channel(NOM_CHANNEL_OFFER, calls_below(NOM_APPS_MAX + 1), calls_below(4 * PAGE));
        break;
    case 1:
        channel(NOM_CHANNEL_ACCEPT, key, 0);
        break;
    case 2:
        channel(NOM_CHANNEL_CLOSE, key, 0);
        break;
    default:
        calls_make(NOM_SYS_NOTIFY, NOM_NOTIFY_CHANNEL, key, 0, 0);
    }
}

/* ---- other cores ---- */

static uint8_t stacks[GUESTS][PAGE] __attribute__((aligned(16)));
static unsigned guest_next;
static int64_t context_last; /* the highest index of a context so far */
static volatile bool guest_runs;

/* On a core of its own, without anything of the libraries: calls, and gives the core back. */
static _Noreturn void guest(uint64_t turns, struct nom_context *context) {
    for (uint64_t i = 0; i < turns; i++) {
        plat_call(NOM_SYS_NOTIFY, NOM_NOTIFY_CORE, i % 8, 0);
        plat_call(NOM_SYS_GRANT, PAGE, 0, KERNEL_IMAGE + i * 8);
        plat_call4(NOM_SYS_UNMAP, MODEL_START - PAGE, PAGE, 0, 0);
        plat_call(i % 16 ? NOM_SYS_YIELD : NOM_SYS_WAIT, NOM_EVENT_CORE, 1000, 0);
        plat_call(NOM_SYS_RESUME, i % 3, 0, 0);
        if (plat_call(NOM_SYS_INTERRUPT, spare_guests_id, spare_guests_entry, i % 4 + 1) >= 0)
            spare_guests_done++;
    }
    guest_runs = false;
    for (;;)
        plat_call(NOM_SYS_RELEASE, *(volatile uint32_t *)&context->core + 1, 0, 0);
}

static void step_core(void) {
    const struct nom_board *board = plat_board();
    const struct nom_resource *r = &board->resources[calls_below(board->cores)];
    uint8_t *stack = stacks[guest_next % GUESTS];
    struct nom_core_start start = {.entry = (uint64_t)guest,
                                   .stack_top = (uint64_t)stack + PAGE - 8,
                                   .argument = calls_below(GUEST_CALLS)};
    if (guest_runs)
        return;
    guest_runs = true;
    int64_t result = calls_make(NOM_SYS_ACQUIRE, r->id, (uint64_t)&start, 0, 0);
    guest_runs = result >= 0;
    guest_next += result >= 0;
    context_last = result > context_last ? result : context_last;
    if (result < 0 && result != -NOM_EBUSY && result != -NOM_ENOMEM)
        calls_wrong("a core", r->id, (uint64_t)result);
}

/* ---- what calls.c asks ---- */

void model_step(bool cores) {
    if (frame_count < FRAMES_MAX / 8 || calls_below(8) == 0) {
        step_grant();
        return;
    }
    struct frame *f = &frames[calls_below(frame_count)];
    switch (calls_below(16)) {
    case 0:
    case 1:
        step_unmap(f);
        break;
    case 2:
        step_free(f);
        break;
    case 3:
    case 4:
        step_protect(f);
        break;
    case 5:
        step_channel();
        break;
    case 6:
        calls_make(calls_below(64) ? NOM_SYS_NOTIFY : NOM_SYS_YIELD, NOM_NOTIFY_CORE,
                   calls_below(8), 0, 0);
        break;
    case 7:
        if (cores)
            step_core();
        break;
    case 8:
    case 9:
        spare_step();
        break;
    default:
        step_map(f);
    }
}

static bool is_prices(uint64_t id) {
    const struct nom_resource *r = hostile_resource(id);
    return r && r->kind == NOM_RESOURCE_PRICES;
}

void model_after(uint64_t number, const uint64_t a[4], int64_t result) {
    if (result < 0 || spare_after(number, a, result))
        return;
    switch (number) {
    case NOM_SYS_GRANT:
        granted(a[2]);
        break;
    case NOM_SYS_MAP:
        map_done(a);
        break;
    case NOM_SYS_UNMAP:
    case NOM_SYS_FREE:
        range_done(number, a[0], a[1], 0);
        break;
    case NOM_SYS_PROTECT:
        range_done(number, a[0], a[1], a[2]);
        break;
    case NOM_SYS_ACQUIRE:
    case NOM_SYS_RELEASE:
        if (!is_prices(a[0]) || prices != (number == NOM_SYS_RELEASE))
            calls_wrong("a resource that is not to be had", number, a[0]);
        prices = number == NOM_SYS_ACQUIRE;
        break;
    case NOM_SYS_NOTIFY:
        if (a[0] == NOM_NOTIFY_PRICES && !prices)
            calls_wrong("a notification of prices", a[0], a[1]);
        break;
    case NOM_SYS_CHANNEL:
        if (a[0] == NOM_CHANNEL_CLOSE)
            channels &= ~(1u << a[1]);
        else
            channels |= 1u << ((const struct nom_channel *)a[2])->number;
        break;
    case NOM_SYS_EXIT:
    case NOM_SYS_RESUME:
        calls_wrong("a call that was to be refused", number, a[0]);
        break;
    default:
        break;
    }
}

uint64_t model_kept_bytes(void) {
    return (uint64_t)context_last * 2 * PAGE;
}

void model_look(void) {
    spare_look();
    for (unsigned i = 0; i < frame_count; i++) {
        const struct frame *f = &frames[i];
        if (!f->address)
            continue;
        if (hostile_behind(f->address) != f->physical)
            calls_wrong("a frame lies elsewhere", f->address, f->physical);
        else if (*stamp_of(f) != f->stamp)
            calls_wrong("a frame holds another stamp", *stamp_of(f), f->stamp);
    }
}

void model_end(void) {
    while (guest_runs)
        plat_wait(100);
    spare_end();
    while (frame_count > 0)
        step_free(&frames[frame_count - 1]);
    for (uint64_t i = 0; i < NOM_CHANNELS_MAX; i++)
        if (channels & 1u << i)
            channel(NOM_CHANNEL_CLOSE, i, 0);
    for (uint64_t id = 1; prices && id <= plat_board()->resource_count; id++)
        if (is_prices(id))
            prices = calls_make(NOM_SYS_RELEASE, id, 0, 0, 0) != 0;
}
