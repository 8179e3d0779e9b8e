/*
 * States of each of the two sides of a channel:
 *
 *   offerer:    NONE --offer()--> OPEN --leave()--> NONE
 *   the other:  NONE --offer()--> OFFERED --accept()--> OPEN --leave()--> NONE
 *                                    \--leave() of either--> NONE
 *
 * Invariants: the memory is mapped in an app exactly while its side is OPEN; a channel with both
 * sides NONE has no memory and may be offered anew. Its frames belong to NK_OWNER_CHANNEL, so that
 * neither app can map them elsewhere or free them.
 */
#include "channel.h"
#include "app.h"
#include "memory.h"
#include "paging.h"
#include "runtime/abi/syscall.h"

enum state { NONE, OFFERED, OPEN };

static struct channel {
    struct {
        enum state state;
        uint32_t app;
    } side[2]; /* the offerer's first */
    uint64_t physical, bytes;
} channels[NOM_CHANNELS_MAX];

static uint64_t address_of(uint64_t number) {
    return NK_APP_CHANNELS + number * NOM_CHANNEL_BYTES_MAX;
}

/* Which side of a channel is this app's: 0 or 1, or -1. */
static int side_of(const struct nk_app *app, uint64_t number) {
    if (number >= NOM_CHANNELS_MAX)
        return -1;
    for (int i = 0; i < 2; i++)
        if (channels[number].side[i].state != NONE && channels[number].side[i].app == app->number)
            return i;
    return -1;
}

static void tell(uint32_t app_number, uint64_t number) {
    struct nk_app *app = nk_app_by_number(app_number);
    if (!app)
        return;
    for (unsigned i = 0; i < NK_CORES_MAX; i++)
        if (app->contexts[i].state != NK_CONTEXT_FREE)
            nk_context_set(&app->contexts[i].shared->channels, 1ULL << number);
    nk_app_event(app, NOM_EVENT_CHANNEL);
}

/* The caller looks at it. */
static bool map(struct nk_app *app, uint64_t number) {
    return nk_paging_map(app, address_of(number), channels[number].physical, channels[number].bytes,
                         NK_PAGE_WRITE | NK_PAGE_NO_EXECUTE);
}

static void describe(const struct nk_app *app, uint64_t number, uint32_t peer, uint64_t pointer) {
    struct nom_channel out = {(uint32_t)number, peer, address_of(number), channels[number].bytes};
    nk_paging_put(app, pointer, &out, sizeof out);
}

static int64_t offer(struct nk_app *app, uint64_t peer, uint64_t pointer) {
    struct nom_channel in;
    if (!nk_paging_writable(app, pointer, sizeof in) ||
        !nk_paging_get(app, &in, pointer, sizeof in))
        return -NOM_EFAULT;
    if (in.bytes == 0 || in.bytes > NOM_CHANNEL_BYTES_MAX || peer == app->number)
        return -NOM_EINVAL;
    if (!nk_app_by_number(peer))
        return -NOM_ENOENT;

    unsigned number = NOM_CHANNELS_MAX, offered = 0;
    for (unsigned i = 0; i < NOM_CHANNELS_MAX; i++) {
        const struct channel *c = &channels[i];
        if (c->side[0].state == NONE && c->side[1].state == NONE)
            number = number == NOM_CHANNELS_MAX ? i : number;
        else if (c->side[0].app == app->number)
            offered++;
    }
    if (number == NOM_CHANNELS_MAX || offered >= NK_CHANNELS_OFFERED_MAX)
        return -NOM_ENOMEM;
    uint64_t unit = in.bytes >= NOM_FRAMES_LARGE ? NK_BLOCK_BYTES : NK_PAGE_BYTES;
    struct channel *c = &channels[number];
    c->bytes = (in.bytes + unit - 1) & ~(unit - 1);
    c->physical = nk_memory_grant(NK_OWNER_CHANNEL, c->bytes);
    if (!c->physical)
        return -NOM_ENOMEM;
    if (!map(app, number)) {
        nk_memory_free(c->physical, c->bytes);
        return -NOM_ENOMEM;
    }
    c->side[0].state = OPEN;
    c->side[0].app = app->number;
    c->side[1].state = OFFERED;
    c->side[1].app = (uint32_t)peer;
    describe(app, number, (uint32_t)peer, pointer);
    tell((uint32_t)peer, number);
    return 0;
}

static int64_t accept(struct nk_app *app, uint64_t number, uint64_t pointer) {
    if (!nk_paging_writable(app, pointer, sizeof(struct nom_channel)))
        return -NOM_EFAULT;
    if (side_of(app, number) != 1 || channels[number].side[1].state != OFFERED)
        return -NOM_ENOENT;
    if (!map(app, number))
        return -NOM_ENOMEM;
    channels[number].side[1].state = OPEN;
    describe(app, number, channels[number].side[0].app, pointer);
    tell(channels[number].side[0].app, number);
    return 0;
}

/* One side has gone, and its mapping with it. */
static void leave(uint64_t number, int mine) {
    struct channel *c = &channels[number];
    c->side[mine].state = NONE;
    if (c->side[!mine].state != NONE)
        tell(c->side[!mine].app, number);
    if (c->side[!mine].state == OFFERED) /* nothing is on offer any more */
        c->side[!mine].state = NONE;
    if (c->side[!mine].state == NONE)
        nk_memory_free(c->physical, c->bytes);
}

static int64_t end(struct nk_app *app, uint64_t number) {
    int mine = side_of(app, number);
    if (mine < 0)
        return -NOM_ENOENT;
    if (channels[number].side[mine].state == OPEN)
        nk_paging_unmap(app, address_of(number), channels[number].bytes);
    leave(number, mine);
    return 0;
}

int64_t nk_call_channel(struct nk_app *app, uint64_t op, uint64_t key, uint64_t pointer) {
    switch (op) {
    case NOM_CHANNEL_OFFER:
        return offer(app, key, pointer);
    case NOM_CHANNEL_ACCEPT:
        return accept(app, key, pointer);
    case NOM_CHANNEL_CLOSE:
        return end(app, key);
    default:
        return -NOM_EINVAL;
    }
}

int64_t nk_channel_notify(struct nk_app *app, uint64_t number) {
    int mine = side_of(app, number);
    if (mine < 0 || channels[number].side[mine].state != OPEN ||
        channels[number].side[!mine].state != OPEN)
        return -NOM_ENOENT;
    tell(channels[number].side[!mine].app, number);
    return 0;
}

void nk_channel_end(struct nk_app *app) {
    for (unsigned number = 0; number < NOM_CHANNELS_MAX; number++) {
        int mine = side_of(app, number);
        if (mine >= 0)
            leave(number, mine);
    }
}
