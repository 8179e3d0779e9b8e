/*
 * Invariant: every order in the queue has been carried out, but during nk_unit_forget; so the queue
 * is never full.
 */
#include "iommu_unit.h"
#include "console.h"

#define COMMAND    0x18u
#define STATUS     0x1cu
#define STICKY     0x96ffffffu /* states; the other bits are orders, once each */
#define QUEUE_TAIL 0x88u
#define QUEUE_AT   0x90u

#define ORDER_WORDS 2u
#define QUEUE_WORDS (NK_PAGE_BYTES / 8)
#define WAIT        0x25ULL /* writes the word in its upper half to an address, in order */
#define WAIT_VALUE  32

static uint64_t base, queue;
static unsigned tail; /* word of the queue */

void nk_unit_use(uint64_t registers) {
    base = registers;
}

volatile uint32_t *nk_unit_32(uint64_t offset) {
    return nk_direct(base + offset);
}

volatile uint64_t *nk_unit_64(uint64_t offset) {
    return nk_direct(base + offset);
}

static void ask(uint32_t bit, bool on) {
    uint32_t now = *nk_unit_32(STATUS) & STICKY;
    *nk_unit_32(COMMAND) = on ? now | bit : now & ~bit;
}

static bool is(uint32_t bit, bool on, unsigned polls) {
    for (; polls > 0; polls--)
        if (!(*nk_unit_32(STATUS) & bit) == !on)
            return true;
    return false;
}

void nk_unit_command(uint32_t bit, bool on) {
    ask(bit, on);
    if (!is(bit, on, NK_IOMMU_POLLS_MAX))
        nk_panic("the IOMMU does not answer (command %x)", (uint64_t)bit);
}

bool nk_unit_try(uint32_t bit) {
    ask(bit, true);
    return is(bit, true, NK_IOMMU_TRIES);
}

void nk_unit_queue(uint64_t page) {
    queue = page;
    *nk_unit_64(QUEUE_TAIL) = 0;
    *nk_unit_64(QUEUE_AT) = page; /* one page of orders of two words */
    nk_unit_command(NK_UNIT_QUEUE, true);
}

static void order(uint64_t low, uint64_t high) {
    uint64_t *at = (uint64_t *)nk_direct(queue) + tail;
    at[0] = low;
    at[1] = high;
    tail = (tail + ORDER_WORDS) % QUEUE_WORDS;
}

void nk_unit_forget(uint64_t first, uint64_t second) {
    static volatile uint32_t answer;
    static uint32_t turn;
    order(first, 0);
    if (second)
        order(second, 0);
    order(WAIT | (uint64_t)++turn << WAIT_VALUE, nk_image_physical((const void *)&answer));
    *nk_unit_64(QUEUE_TAIL) = tail * 8;
    for (unsigned i = 0; answer != turn; i++)
        if (i == NK_IOMMU_POLLS_MAX)
            nk_panic("the IOMMU does not answer (order %x)", first);
}
