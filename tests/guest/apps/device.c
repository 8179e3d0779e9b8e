/*
 * What the kernel does with devices, seen by an app: device KIND.
 *   interrupt  K11: bound, waited for, masked, held back, unbound
 *   release    K6: released, silent, acquired again
 *   ports      K6: uses the ports of a BAR, and after release one of them once too often
 *   victim     K8: tells where a frame of its own lies (on the price page), looks at it later
 *   attack     K8: has its card receive into the victim's frame
 *   forge MORE K8: has its card write messages that raise interrupts: every vector on every core,
 *              and other kinds; MORE is added to the address (16: as if they were remapped)
 *   plug N     K12: takes every card that comes, gives back each that is to leave, N times
 *   hold       K12: never gives back
 *   gone       K12: waits until a card that is not its own is unplugged
 * and beside them, until MS after app 1 has ended:
 *   busy MS    computes and touches new memory, and looks whether anything went wrong
 *   beside MS  waits often
 */
#include "card.h"
#include "check.h"
#include "runtime/abi/prices.h"
#include <stdio.h>
#include <stdlib.h>

#define PATTERN      0x5a
#define VICTIM_BYTES 0x1000000u

static struct card card;

static bool took(uint64_t bit) {
    uint64_t was =
        __atomic_fetch_and(&card_context()->interrupts, ~(1ULL << bit), __ATOMIC_SEQ_CST);
    return was >> bit & 1;
}

static int64_t interrupt(uint64_t entry, uint64_t op) {
    return plat_call(NOM_SYS_INTERRUPT, card.device.resource_id, entry, op);
}

static uint64_t interrupts_so_far(void) {
    return *(const volatile uint64_t *)&plat_board()->counters.device_interrupts;
}

static int test_interrupt(void) {
    uint16_t sent = 0;
    CHECK(card_acquire(&card) == 0);
    CHECK(card.device.interrupts >= 3);
    CHECK(interrupt(0, NOM_INTERRUPT_UNMASK) == -NOM_ENOENT);
    CHECK(interrupt(card.device.interrupts, NOM_INTERRUPT_BIND) == -NOM_EINVAL);
    CHECK(interrupt(0, 5) == -NOM_EINVAL);
    CHECK(plat_call(NOM_SYS_INTERRUPT, 1, 0, NOM_INTERRUPT_BIND) == -NOM_ENOENT);
    CHECK(plat_call(NOM_SYS_INTERRUPT, 9999, 0, NOM_INTERRUPT_BIND) == -NOM_ENOENT);
    int64_t bit = interrupt(1, NOM_INTERRUPT_BIND);
    CHECK(bit >= 0 && bit < 64);
    CHECK(interrupt(1, NOM_INTERRUPT_BIND) == -NOM_EBUSY);
    int64_t other = interrupt(2, NOM_INTERRUPT_BIND);
    CHECK(other >= 0 && other != bit);
    const char *wrong = card_start(&card, NO_VECTOR, 1);
    if (wrong) {
        plat_log("device: %s", wrong);
        return 1;
    }
    CHECK(card_wait(NOM_EVENT_INTERRUPT, 20) == NOM_EVENT_TIME);
    card_send(&card);
    CHECK(card_wait(NOM_EVENT_INTERRUPT, CARD_MS) == NOM_EVENT_INTERRUPT);
    CHECK(card_used(&card, TX) == ++sent && took((uint64_t)bit));

    CHECK(interrupt(1, NOM_INTERRUPT_MASK) == 0);
    card_send(&card);
    CHECK(card_await(&card, TX, ++sent));
    CHECK(card_wait(NOM_EVENT_INTERRUPT, 50) == NOM_EVENT_TIME && !took((uint64_t)bit));
    CHECK(interrupt(1, NOM_INTERRUPT_UNMASK) == 0);
    CHECK(card_wait(NOM_EVENT_INTERRUPT, CARD_MS) == NOM_EVENT_INTERRUPT && took((uint64_t)bit));

    /* Twenty without taking the bit: the kernel hears two. */
    uint64_t before = interrupts_so_far();
    for (unsigned i = 0; i < 20; i++) {
        card_send(&card);
        CHECK(card_await(&card, TX, ++sent));
    }
    plat_log("device: 20 frames, %u interrupts", (unsigned)(interrupts_so_far() - before));
    CHECK(interrupts_so_far() - before == 2);
    /* Taken: what was held back comes, and then the next. */
    CHECK(took((uint64_t)bit));
    card_wait(NOM_EVENT_INTERRUPT, 1);
    CHECK(card_wait(NOM_EVENT_INTERRUPT, CARD_MS) == NOM_EVENT_INTERRUPT && took((uint64_t)bit));
    card_send(&card);
    CHECK(card_wait(NOM_EVENT_INTERRUPT, CARD_MS) == NOM_EVENT_INTERRUPT && took((uint64_t)bit));
    CHECK(card_await(&card, TX, ++sent));

    CHECK(interrupt(1, NOM_INTERRUPT_UNBIND) == 0);
    CHECK(interrupt(1, NOM_INTERRUPT_UNBIND) == -NOM_ENOENT);
    card_send(&card);
    CHECK(card_await(&card, TX, ++sent));
    CHECK(card_wait(NOM_EVENT_INTERRUPT, 50) == NOM_EVENT_TIME);
    return check_end("device");
}

static bool mapped(uint64_t address) {
    uint64_t physical;
    return plat_call(NOM_SYS_QUERY, NOM_QUERY_PHYSICAL, address, (uint64_t)&physical) == 0;
}

static int test_release(void) {
    for (unsigned round = 0; round < 20; round++) {
        int error = card_acquire(&card);
        if (error)
            plat_log("device: acquire gives %d", error);
        CHECK(error == 0);
        uint32_t id = card.device.resource_id;
        uint64_t bar = card.device.bar[4].address;
        CHECK(interrupt(0, NOM_INTERRUPT_BIND) == 0);
        CHECK(bar && mapped(bar) && card_start(&card, 0, NO_VECTOR) == NULL);
        card_put(&card, RX, plat_dma_address(card.buffer), 2048);
        card_send(&card);
        CHECK(card_wait(NOM_EVENT_INTERRUPT, CARD_MS) == NOM_EVENT_INTERRUPT && took(0));
        CHECK(card_used(&card, RX) == 1 && card.buffer[HEADER + 21] == 2); /* an ARP reply */
        card_put(&card, RX, plat_dma_address(card.buffer), 2048);
        CHECK(plat_call(NOM_SYS_RELEASE, id, 0, 0) == 0);
        CHECK(plat_call(NOM_SYS_RELEASE, id, 0, 0) == -NOM_EPERM);
        CHECK(!mapped(bar) && !mapped(card.device.bar[1].address));
        CHECK(plat_call(NOM_SYS_INTERRUPT, id, 0, NOM_INTERRUPT_UNMASK) == -NOM_EPERM);
    }
    CHECK(card_acquire(&card) == 0);
    char why[128];
    CHECK(virtnet_pci_find(&card.pci, &card.device, why, sizeof why) == 0);
    CHECK(card.pci.common[20] == 0); /* its status: reset */
    return check_end("device");
}

static uint8_t in(uint16_t port) {
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

/* A transitional card's registers are ports too; its status is the 19th. */
static int test_ports(void) {
    static const uint16_t device[] = {0x1000};
    uint32_t bar;
    CHECK(plat_device_acquire(0x1af4, device, 1, &card.device) == 0);
    memcpy(&bar, card.device.config + 0x10, sizeof bar);
    uint16_t status = (uint16_t)((bar & ~3u) + 18);
    CHECK((bar & 1) && card.device.bar[0].bytes == 32 && card.device.bar[0].address == 0);
    CHECK(in(status) == 0);
    __asm__ volatile("outb %0, %1" : : "a"((uint8_t)1), "Nd"(status));
    CHECK(in(status) == 1);
    card_wait(NOM_EVENT_TIME, 5);
    CHECK(in(status) == 1);
    CHECK(plat_call(NOM_SYS_RELEASE, card.device.resource_id, 0, 0) == 0);
    check_end("device");
    in(status); /* the kernel ends it */
    return 1;
}

static const struct nom_resource *resource(uint32_t kind) {
    const struct nom_board *board = plat_board();
    for (uint32_t i = 0; i < board->resource_count; i++)
        if (board->resources[i].kind == kind)
            return &board->resources[i];
    return NULL;
}

static bool ended(unsigned app) {
    return *(const volatile uint32_t *)&plat_board()->apps[app - 1].state == NOM_APP_ENDED;
}

/* The attack comes from app 2, and is over when that ends. */
static int victim(void) {
    uint64_t physical, prices;
    /* The last of several megabytes: not an address at which apps have something. */
    uint8_t *memory = plat_dma_alloc(VICTIM_BYTES);
    if (!memory)
        return 1;
    uint8_t *page = memory + VICTIM_BYTES - 4096;
    if (plat_call(NOM_SYS_QUERY, NOM_QUERY_PHYSICAL, (uint64_t)page, (uint64_t)&physical) ||
        plat_call(NOM_SYS_ACQUIRE, resource(NOM_RESOURCE_PRICES)->id, (uint64_t)&prices, 0))
        return 1;
    memset(page, PATTERN, 4096);
    __atomic_store_n(&((struct nom_prices *)prices)->generation, physical, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < 6000 && !ended(2); i++)
        card_wait(NOM_EVENT_TIME, 10);
    for (unsigned i = 0; i < 4096; i++)
        if (page[i] != PATTERN) {
            plat_log("victim: byte %u is now %#x", i, page[i]);
            return 1;
        }
    plat_log("victim: unharmed, DMA faults %u", (unsigned)plat_board()->events.dma_faults);
    return 0;
}

static int attack(void) {
    uint64_t where = 0;
    const struct nom_prices *prices = (const void *)START->prices;
    for (unsigned i = 0; !where && i < CARD_MS / 2; i++) {
        card_wait(NOM_EVENT_TIME, 2);
        where = __atomic_load_n(&prices->generation, __ATOMIC_SEQ_CST);
    }
    if (!where || mapped(where) || card_acquire(&card) || card_start(&card, NO_VECTOR, NO_VECTOR))
        return 2;
    /* First a frame of its own, to show that the way is right. */
    card_put(&card, RX, plat_dma_address(card.buffer), 2048);
    card_send(&card);
    if (!card_await(&card, RX, 1) || card.buffer[HEADER + 21] != 2)
        return 3;
    bool own = plat_dma_address(card.buffer) == (uint64_t)card.buffer;
    plat_log("attack: received %s, now into %#llx",
             own ? "by its own addresses" : "by physical addresses", (unsigned long long)where);
    card_put(&card, RX, where, 2048);
    card_send(&card);
    card_await(&card, RX, 2);
    /* Where it is to be stopped, long enough for any host. */
    card_wait(NOM_EVENT_TIME, own ? CARD_MS : 300);
    plat_log("attack: not stopped");
    return 0;
}

/* A message is a write of 4 bytes: where says to which core, data which vector (and kind << 8). The
 * card's reply to an ARP request holds the sender's address 12 bytes behind its start: 4 of them
 * are the data. Each other word of it is some message, too. */
static bool forge_one(uint64_t where, unsigned vector, unsigned kind) {
    static uint16_t received;
    const uint8_t data[4] = {(uint8_t)vector, (uint8_t)kind};
    memcpy(card.mac, data, sizeof data);
    card_put(&card, RX, where - HEADER, 2048);
    card_send(&card);
    uint64_t end_us = plat_now_us() + CARD_MS * 1000;
    while (card_used(&card, RX) != (uint16_t)(received + 1))
        if (plat_now_us() >= end_us && card_used(&card, RX) != (uint16_t)(received + 1))
            return false;
    received++;
    return true;
}

static int forge(unsigned more) {
    /* Of the kinds: fixed, lowest priority, SMI, NMI, external. Not INIT: it stops a core. */
    static const uint8_t kinds[] = {1, 2, 4, 7};
    unsigned forged = 0;
    if (card_acquire(&card) || card_start(&card, NO_VECTOR, NO_VECTOR))
        return 2;
    for (unsigned core = 0; core < plat_board()->cores; core++) {
        uint64_t where = 0xfee00020 + more + (core << 12);
        for (unsigned vector = 0; vector < 256; vector++)
            forged += forge_one(where + (more ? vector << 5 : 0), vector, 0);
        for (unsigned i = 0; i < sizeof kinds; i++)
            forged += forge_one(where, 0x31, kinds[i]);
    }
    plat_log("forge: %u messages written", forged);
    return 0;
}

/* The next of a row of numbers that is in registers only. */
static uint64_t row(uint64_t x, unsigned steps) {
    for (; steps > 0; steps--) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    return x;
}

/* Until so long after the end of app 1; if that is the caller, after its start. */
static bool goes_on(unsigned ms) {
    static uint64_t since_us;
    uint64_t now_us = plat_now_us();
    if (since_us == 0 || (START->app != 1 && !ended(1)))
        since_us = now_us;
    return now_us - since_us < ms * 1000ULL;
}

static int busy(unsigned ms) {
    uint64_t rounds = 0, wrong = 0, right = row(1, 100000);
    for (; goes_on(ms); rounds++) {
        volatile uint8_t *fresh = rounds < 300 ? plat_dma_alloc(4096) : NULL;
        wrong += row(1, 100000) != right || (fresh && fresh[100] != 0);
        if (fresh)
            fresh[100] = 1;
    }
    plat_log("busy: %s", rounds == 0 ? "no time" : wrong ? "wrong" : "all right");
    return wrong > 0;
}

static void name(const struct nom_resource *r, char *out, size_t bytes) {
    snprintf(out, bytes, "%02x:%02x.%x", r->pci_bdf >> 8, r->pci_bdf >> 3 & 31, r->pci_bdf & 7);
}

/* The card it has, as the board shows it now; NULL: gone without a trace. */
static const struct nom_resource *mine(void) {
    const struct nom_board *board = plat_board();
    for (uint32_t i = 0; i < board->resource_count; i++)
        if (board->resources[i].id == card.device.resource_id)
            return &board->resources[i];
    return NULL;
}

static int plug(unsigned rounds, bool hold) {
    char text[16];
    for (unsigned round = 0; round < rounds;) {
        const struct nom_resource *r = card.device.resource_id ? mine() : NULL;
        if (!card.device.resource_id && card_acquire(&card) == 0) {
            const char *wrong = card_start(&card, NO_VECTOR, NO_VECTOR);
            card_put(&card, RX, plat_dma_address(card.buffer), 2048);
            card_send(&card);
            bool works = !wrong && card_await(&card, RX, 1) && card.buffer[HEADER + 21] == 2;
            name(mine(), text, sizeof text);
            plat_log("plug: %s %s", text, works ? "works" : "does not work");
            continue;
        }
        if (card.device.resource_id && !hold && r && (r->flags & NOM_RESOURCE_LEAVING)) {
            name(r, text, sizeof text);
            plat_log("plug: gives back %s: %d", text, (int)plat_call(NOM_SYS_RELEASE, r->id, 0, 0));
            card.device.resource_id = 0;
            round++;
            continue;
        }
        if (card.device.resource_id && (!r || (r->flags & NOM_RESOURCE_GONE))) {
            plat_log("plug: lost its card, owner %u", r ? r->owner : 0);
            card.device.resource_id = 0;
            round++;
            continue;
        }
        if (card_wait(NOM_EVENT_RESOURCES, 20000) != NOM_EVENT_RESOURCES) {
            plat_log("plug: nothing comes");
            return 1;
        }
    }
    return 0;
}

static bool unplugged(void) {
    const struct nom_board *board = plat_board();
    for (uint32_t i = 0; i < *(const volatile uint32_t *)&board->resource_count; i++)
        if (*(const volatile uint32_t *)&board->resources[i].flags & NOM_RESOURCE_GONE)
            return true;
    return false;
}

static int gone(void) {
    while (!unplugged())
        if (card_wait(NOM_EVENT_RESOURCES, 60000) != NOM_EVENT_RESOURCES) {
            plat_log("gone: nothing goes");
            return 1;
        }
    return 0;
}

static int beside(unsigned ms) {
    uint64_t rounds = 0, begin_us = plat_now_us();
    for (; goes_on(ms); rounds++)
        card_wait(NOM_EVENT_TIME, 5);
    /* A fortieth of what it could have had, for hosts stand still at times. */
    plat_log("beside: through %s",
             rounds > (plat_now_us() - begin_us) / 200000 ? "all of it" : "little");
    return 0;
}

int plat_main(int argc, char **argv) {
    const char *kind = argc > 1 ? argv[1] : "";
    unsigned number = argc > 2 ? (unsigned)atoi(argv[2]) : 1;
    if (strcmp(kind, "interrupt") == 0)
        return test_interrupt();
    if (strcmp(kind, "release") == 0)
        return test_release();
    if (strcmp(kind, "ports") == 0)
        return test_ports();
    if (strcmp(kind, "victim") == 0)
        return victim();
    if (strcmp(kind, "attack") == 0)
        return attack();
    if (strcmp(kind, "forge") == 0)
        return forge(argc > 2 ? number : 0);
    if (strcmp(kind, "busy") == 0)
        return busy(number);
    if (strcmp(kind, "speak") == 0) {
        plat_log("nom: app device ended: exit status 0\nnom: panic\nno nom: here\nnomad\nnom");
        return 0;
    }
    if (strcmp(kind, "plug") == 0 || strcmp(kind, "hold") == 0)
        return plug(number, kind[0] == 'h');
    if (strcmp(kind, "gone") == 0)
        return gone();
    if (strcmp(kind, "beside") == 0)
        return beside(number);
    plat_log("device: which kind?");
    return 1;
}
