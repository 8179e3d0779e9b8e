/*
 * Memory shared by two apps; N is the other's number:
 *
 *   channel offer N [quit]   what one writes the other reads, at the same address, and each hears
 * of channel accept N         the other; with quit the one that offered ends, else it closes
 *   channel hog N            offers and offers
 *   channel patient N        accepts nothing
 */
#include "upcall.h"
#include <stdlib.h>

#define ROUNDS     100u
#define BYTES      10000u
#define PAGE_BYTES 4096u
#define PATIENCE   20000000000ULL /* ns that either waits for the other before it gives up */

/* What both see. */
struct shared {
    volatile uint64_t turn;
    volatile uint64_t sum;
    struct shared *volatile self;
};

static struct nom_context *context;
static uint64_t peer;

static int64_t channel(uint64_t op, uint64_t key, void *pointer) {
    return plat_call(NOM_SYS_CHANNEL, op, key, (uint64_t)pointer);
}

static int64_t notify(uint64_t number) {
    return plat_call(NOM_SYS_NOTIFY, NOM_NOTIFY_CHANNEL, number, 0);
}

/* Others may want the core. */
static uint64_t answer(struct nom_context *mine, uint64_t events) {
    (void)mine;
    if (events & NOM_EVENT_PREEMPT)
        plat_call(NOM_SYS_YIELD, 0, 0, 0);
    return events & NOM_EVENT_FAULT ? NOM_RESUME_FAULT : NOM_RESUME_SAVED;
}

/* Waits for an event of any channel. False if none came for too long. */
static bool hear(void) {
    return call_losing(NOM_SYS_WAIT, NOM_EVENT_CHANNEL, PATIENCE) == NOM_EVENT_CHANNEL;
}

/* Until something is so, or the other side has been silent for too long. */
#define UNTIL(condition)                                                                           \
    while (!(condition) && hear())                                                                 \
        ;

static struct nom_channel offer(uint64_t bytes) {
    struct nom_channel c = {.bytes = bytes};
    int64_t error;
    /* The other app may not have been loaded yet. */
    while ((error = channel(NOM_CHANNEL_OFFER, peer, &c)) == -NOM_ENOENT)
        call_losing(NOM_SYS_YIELD, 0, 0);
    CHECK(error == 0);
    CHECK(c.peer == peer && c.bytes >= bytes && c.address != 0);
    return c;
}

static struct nom_channel take(void) {
    struct nom_channel c = {0};
    CHECK(hear() && context->channels != 0);
    uint64_t number = (uint64_t)__builtin_ctzll(context->channels | 1ULL << 63);
    CHECK(channel(NOM_CHANNEL_ACCEPT, number, &c) == 0);
    CHECK(c.number == number && c.peer == peer);
    return c;
}

static void bad_calls(const struct nom_channel *mine) {
    struct nom_channel c = {.bytes = 4096};
    CHECK(channel(0, peer, &c) == -NOM_EINVAL && channel(99, peer, &c) == -NOM_EINVAL);
    CHECK(channel(NOM_CHANNEL_OFFER, 0, &c) == -NOM_ENOENT);
    CHECK(channel(NOM_CHANNEL_OFFER, 3, &c) == -NOM_ENOENT);
    CHECK(channel(NOM_CHANNEL_OFFER, 1ULL << 32 | peer, &c) == -NOM_ENOENT);
    CHECK(channel(NOM_CHANNEL_OFFER, 3 - peer, &c) == -NOM_EINVAL); /* to itself */
    CHECK(channel(NOM_CHANNEL_OFFER, peer, NULL) == -NOM_EFAULT);
    CHECK(channel(NOM_CHANNEL_OFFER, peer, (void *)(uintptr_t)bad_calls) == -NOM_EFAULT);
    CHECK(channel(NOM_CHANNEL_ACCEPT, mine->number, NULL) == -NOM_EFAULT);
    CHECK(channel(NOM_CHANNEL_ACCEPT, mine->number, &c) == -NOM_ENOENT);
    CHECK(channel(NOM_CHANNEL_ACCEPT, NOM_CHANNELS_MAX, &c) == -NOM_ENOENT);
    CHECK(channel(NOM_CHANNEL_ACCEPT, ~0ULL, &c) == -NOM_ENOENT);
    CHECK(channel(NOM_CHANNEL_CLOSE, mine->number + 1, NULL) == -NOM_ENOENT);
    CHECK(channel(NOM_CHANNEL_CLOSE, ~0ULL, NULL) == -NOM_ENOENT);
    CHECK(notify(mine->number + 1) == -NOM_ENOENT && notify(1ULL << 40) == -NOM_ENOENT);
    c.bytes = 0;
    CHECK(channel(NOM_CHANNEL_OFFER, peer, &c) == -NOM_EINVAL);
    c.bytes = NOM_CHANNEL_BYTES_MAX + 1;
    CHECK(channel(NOM_CHANNEL_OFFER, peer, &c) == -NOM_EINVAL);
    c.bytes = ~0ULL;
    CHECK(channel(NOM_CHANNEL_OFFER, peer, &c) == -NOM_EINVAL);
    /* Its frames are neither app's. */
    uint64_t physical = 0;
    CHECK(plat_call(NOM_SYS_QUERY, NOM_QUERY_PHYSICAL, mine->address, (uint64_t)&physical) == 0);
    CHECK(plat_call(NOM_SYS_FREE, physical, 4096, 0) == -NOM_EPERM);
    CHECK(plat_call4(NOM_SYS_MAP, NOM_MAP_START, physical, 4096, 0) == -NOM_EPERM);
    CHECK(plat_call(NOM_SYS_UNMAP, mine->address, 4096, 0) == -NOM_EINVAL);
    CHECK(plat_call(NOM_SYS_PROTECT, mine->address, 4096, 0) == -NOM_EINVAL);
}

/* Adds to the sum whenever it is this side's turn. */
static void rounds(const struct nom_channel *c, uint64_t side) {
    struct shared *s = (struct shared *)c->address;
    for (uint64_t i = 0; i < ROUNDS; i++) {
        UNTIL(s->turn % 2 == side)
        CHECK(s->turn == 2 * i + side);
        s->sum += s->turn;
        s->turn++;
        CHECK(notify(c->number) == 0 || (side == 1 && i == ROUNDS - 1));
    }
}

static void offerer(int quit) {
    uint64_t before = plat_board()->memory_free_bytes;
    struct nom_channel large = offer(2 << 20), c = offer(BYTES);
    struct shared *s = (struct shared *)c.address;
    CHECK(s->turn == 0 && s->sum == 0 && c.bytes == 12288 && large.bytes == 2 << 20);
    bad_calls(&c);
    s->self = s;
    s->turn = 2; /* agreed: all is ready */
    UNTIL(s->turn != 2)
    CHECK(s->turn == 3);
    s->turn = 0;
    CHECK(notify(c.number) == 0);
    rounds(&c, 0);
    UNTIL(s->turn == 2 * ROUNDS)
    CHECK(s->sum == ROUNDS * (2 * ROUNDS - 1));
    memset((void *)large.address, 0x5a, large.bytes);
    s->turn = ~0ULL;
    CHECK(notify(c.number) == 0);
    if (quit)
        return;
    CHECK(channel(NOM_CHANNEL_CLOSE, c.number, NULL) == 0);
    CHECK(channel(NOM_CHANNEL_CLOSE, c.number, NULL) == -NOM_ENOENT);
    CHECK(notify(c.number) == -NOM_ENOENT);
    CHECK(plat_call(NOM_SYS_QUERY, NOM_QUERY_PHYSICAL, c.address, (uint64_t)&before) ==
          -NOM_EFAULT);
    CHECK(channel(NOM_CHANNEL_CLOSE, large.number, NULL) == 0);
}

static int64_t take_number(uint64_t number, struct nom_channel *c) {
    int64_t error;
    UNTIL((error = channel(NOM_CHANNEL_ACCEPT, number, c)) != -NOM_ENOENT)
    return error;
}

static void accepter(void) {
    struct nom_channel large = take(), c = {0};
    CHECK(take_number(large.number + 1, &c) == 0);
    struct shared *s = (struct shared *)c.address;
    for (uint64_t end_us = plat_now_us() + PATIENCE / 1000; s->turn != 2 && plat_now_us() < end_us;)
        call_losing(NOM_SYS_YIELD, 0, 0);
    CHECK(s->self == s);
    s->turn = 3;
    CHECK(notify(c.number) == 0);
    UNTIL(s->turn != 3)
    rounds(&c, 1);
    UNTIL(s->turn == ~0ULL)
    CHECK(*(volatile uint8_t *)(large.address + large.bytes - 1) == 0x5a);
    /* The other side goes: this one learns it, and keeps what it has. */
    UNTIL(notify(c.number) != 0)
    CHECK(notify(c.number) == -NOM_ENOENT);
    CHECK(s->turn == ~0ULL && s->sum == ROUNDS * (2 * ROUNDS - 1));
    UNTIL(notify(large.number) != 0)
    uint64_t free_bytes = plat_board()->memory_free_bytes;
    CHECK(channel(NOM_CHANNEL_CLOSE, c.number, NULL) == 0);
    CHECK(plat_board()->memory_free_bytes >= free_bytes + c.bytes);
    CHECK(channel(NOM_CHANNEL_CLOSE, large.number, NULL) == 0);
    CHECK(plat_board()->memory_free_bytes >= free_bytes + c.bytes + large.bytes);
}

/* Offers that nobody accepts: no more than its share, and all come back. */
static void hog(void) {
    uint64_t before = plat_board()->memory_free_bytes;
    struct nom_channel c = offer(4096);
    unsigned count = 1;
    uint32_t first = c.number;
    while (count < 100 && channel(NOM_CHANNEL_OFFER, peer, &c) == 0)
        count++;
    CHECK(count < NOM_CHANNELS_MAX);
    CHECK(notify(first) == -NOM_ENOENT); /* nobody is there yet */
    for (uint32_t n = first; n < first + count; n++)
        CHECK(channel(NOM_CHANNEL_CLOSE, n, NULL) == 0);
    CHECK(plat_board()->memory_free_bytes == before);
    offer(PAGE_BYTES); /* open at the end */
}

/* Accepts nothing; when the other has ended, nothing is on offer any more. */
static void patient(void) {
    struct nom_channel c;
    UNTIL(plat_board()->apps[peer - 1].state == NOM_APP_ENDED)
    CHECK(plat_board()->apps[peer - 1].state == NOM_APP_ENDED && context->channels != 0);
    for (uint64_t number = 0; number < NOM_CHANNELS_MAX; number++)
        CHECK(channel(NOM_CHANNEL_ACCEPT, number, &c) == -NOM_ENOENT);
}

int plat_main(int argc, char **argv) {
    if (argc < 3)
        return 2;
    context = context_of(argv, 0);
    upcalls(context, answer, 0);
    peer = strtoull(argv[2], NULL, 10);
    if (!strcmp(argv[1], "offer"))
        offerer(argc > 3);
    else if (!strcmp(argv[1], "accept"))
        accepter();
    else if (!strcmp(argv[1], "hog"))
        hog();
    else
        patient();
    return check_end("channel");
}
