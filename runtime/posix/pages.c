/*
 * A byte of state for each page. Invariant: a page in use and shown is not STALE; a page that is
 * neither TOUCHED nor STALE reads as zeroes.
 */
#include "runtime/posix/pages.h"
#include "runtime/platform/platform.h"
#include "runtime/posix/spans.h"
#include <string.h>

#define ARENA_BYTES       (UINT64_C(32) << 30) /* of address space, or less where it is not to be had */
#define ARENA_BYTES_LEAST (UINT64_C(16) << 20)
/* Not taken for mappings where the floor's memory is short: the network needs some, too. */
#define MARGIN_BYTES      (UINT64_C(2) << 20)

enum {
    USED = 1,
    HIDDEN = 2,
    TOUCHED = 4, /* the program can have written to it */
    STALE = 8,   /* holds what was written before: cleared before it is seen */
};

static char *arena;
static uint8_t *states;
static struct posix_spans spans;

int posix_pages_start(void) {
    uint64_t bytes = ARENA_BYTES;
    while (!(arena = plat_reserve(bytes)) && bytes > ARENA_BYTES_LEAST)
        bytes /= 2;
    uint32_t pages = (uint32_t)(bytes / POSIX_PAGE_BYTES);
    states = plat_reserve(pages);
    struct posix_span *by_page = plat_reserve(pages * sizeof *by_page);
    if (!arena || !states || !by_page)
        return -1;
    posix_spans_start(&spans, by_page, pages);
    return 0;
}

void *posix_page_address(uint32_t page) {
    return arena + (uint64_t)page * POSIX_PAGE_BYTES;
}

bool posix_pages_of(uint64_t address, uint64_t bytes, uint32_t *first, uint32_t *count) {
    uint64_t offset = address - (uint64_t)arena;
    uint64_t end = (uint64_t)spans.pages_max * POSIX_PAGE_BYTES;
    if (offset % POSIX_PAGE_BYTES || offset >= end || bytes > end - offset)
        return false;
    *first = (uint32_t)(offset / POSIX_PAGE_BYTES);
    *count = (uint32_t)((bytes + POSIX_PAGE_BYTES - 1) / POSIX_PAGE_BYTES);
    return true;
}

uint32_t posix_pages_top(void) {
    return spans.top;
}

static bool is_free(uint32_t page) {
    return page > 0 && page < spans.top && !(states[page] & USED);
}

bool posix_pages_affordable(uint64_t count) {
    uint64_t share = plat_memory_share();
    return count == 0 ||
           (share > MARGIN_BYTES && count <= (share - MARGIN_BYTES) / POSIX_PAGE_BYTES);
}

/* The arena becomes longer, so that a free run of that length ends it; its first page, or 0. */
static uint32_t grow(uint32_t count, bool hidden) {
    uint32_t first = is_free(spans.top - 1) ? posix_spans_first(&spans, spans.top - 1) : spans.top;
    uint32_t more = count - (spans.top - first);
    if (more > spans.pages_max - spans.top || (!hidden && !posix_pages_affordable(more)))
        return 0;
    spans.top += more;
    posix_spans_give(&spans, spans.top - more, more, first < spans.top - more, false);
    return first;
}

/* Runs of pages of one state are cleared in one go. */
static void clean(uint32_t first, uint32_t count) {
    for (uint32_t i = first, end = first + count; i < end;) {
        uint32_t from = i;
        while (i < end && (states[i] & STALE))
            states[i++] &= (uint8_t)~STALE;
        if (i > from)
            memset(posix_page_address(from), 0, (uint64_t)(i - from) * POSIX_PAGE_BYTES);
        else
            i++;
    }
}

static void use(uint32_t first, uint32_t count, bool hidden) {
    if (!hidden)
        clean(first, count);
    for (uint32_t i = first; i < first + count; i++)
        states[i] |= hidden ? USED | HIDDEN : USED | TOUCHED;
}

static uint32_t take(uint32_t count, bool hidden) {
    uint32_t first = posix_spans_find(&spans, count);
    if (!first && !(first = grow(count, hidden)))
        return 0;
    posix_spans_take(&spans, first, count);
    return first;
}

uint32_t posix_pages_take(uint32_t count, bool hidden) {
    uint32_t first = take(count, hidden);
    if (first)
        use(first, count, hidden);
    return first;
}

uint32_t posix_pages_take_unclean(uint32_t count) {
    uint32_t first = take(count, false);
    if (first)
        memset(states + first, USED | TOUCHED, count);
    return first;
}

bool posix_pages_extend(uint32_t first, uint32_t count, uint32_t more, bool hidden) {
    uint32_t behind = first + count;
    uint32_t there = is_free(behind) ? spans.by_page[behind].count : 0;
    if (there < more && (behind + there != spans.top || !grow(more, hidden)))
        return false;
    posix_spans_take(&spans, behind, more);
    use(behind, more, hidden);
    return true;
}

static void give_run(uint32_t first, uint32_t count) {
    for (uint32_t i = first; i < first + count; i++)
        states[i] = states[i] & (TOUCHED | STALE) ? STALE : 0;
    posix_spans_give(&spans, first, count, is_free(first - 1), is_free(first + count));
}

void posix_pages_give(uint32_t first, uint32_t count) {
    uint32_t end = first + count < spans.top ? first + count : spans.top;
    for (uint32_t i = first; i < end;) {
        uint32_t from = i;
        while (i < end && (states[i] & USED))
            i++;
        if (i > from)
            give_run(from, i - from);
        else
            i++;
    }
}

bool posix_pages_used(uint32_t first, uint32_t count) {
    for (uint32_t i = first; i < first + count; i++)
        if (i >= spans.top || !(states[i] & USED))
            return false;
    return true;
}

bool posix_pages_show(uint32_t first, uint32_t count) {
    uint64_t fresh = 0;
    for (uint32_t i = first; i < first + count; i++)
        fresh += !(states[i] & (TOUCHED | STALE));
    if (!posix_pages_affordable(fresh))
        return false;
    clean(first, count);
    memset(states + first, USED | TOUCHED, count);
    return true;
}

void posix_pages_hide(uint32_t first, uint32_t count) {
    for (uint32_t i = first; i < first + count; i++)
        states[i] |= HIDDEN;
}

bool posix_pages_hidden(uint32_t page) {
    return states[page] & HIDDEN;
}

/* At once where they are shown, once they are where they are hidden. */
void posix_pages_clear(uint32_t first, uint32_t count) {
    for (uint32_t i = first; i < first + count; i++)
        if (states[i] & TOUCHED)
            states[i] = (uint8_t)((states[i] & ~(states[i] & HIDDEN ? TOUCHED : 0)) | STALE);
    for (uint32_t i = first; i < first + count; i++)
        if (!(states[i] & HIDDEN))
            clean(i, 1);
}

void posix_pages_copy(uint32_t to, uint32_t from, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (states[from + i] & TOUCHED) {
            memcpy(posix_page_address(to + i), posix_page_address(from + i), POSIX_PAGE_BYTES);
            states[to + i] = states[from + i];
        } else {
            states[to + i] |= states[from + i] & HIDDEN;
        }
    }
}
