/*
 * Pages of the program's address space: one arena of the floor's memory that fills as it is
 * touched, handed out and taken back in runs of pages. What was used goes back to no floor; it is
 * handed out again before anything fresh.
 *
 *   fresh --take--> USED --give--> STALE --take, as zeroes--> USED
 *
 * Pages may be taken hidden (PROT_NONE): those cost nothing until they are shown.
 */
#ifndef POSIX_PAGES_H
#define POSIX_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POSIX_PAGE_BYTES 4096u

/* 0, or -1: the floor has no address space. Once, before all else here. */
int posix_pages_start(void);
/* So many pages in one piece: the number of the first, which reads as zeroes unless hidden; 0 if
 * there is no memory. */
uint32_t posix_pages_take(uint32_t count, bool hidden);
/* The same without the zeroes, for who writes them all himself. */
uint32_t posix_pages_take_unclean(uint32_t count);
/* Whether the floor has memory for so many pages that were never used. */
bool posix_pages_affordable(uint64_t count);
/* A run in use becomes longer by what follows it; false where that is not free. */
bool posix_pages_extend(uint32_t first, uint32_t count, uint32_t more, bool hidden);
/* Takes back a run: those of it that are in use. */
void posix_pages_give(uint32_t first, uint32_t count);
/* Those of a run in use become readable, or hidden with what they hold. false: no memory. */
bool posix_pages_show(uint32_t first, uint32_t count);
void posix_pages_hide(uint32_t first, uint32_t count);
bool posix_pages_hidden(uint32_t page);
/* They read as zeroes again. */
void posix_pages_clear(uint32_t first, uint32_t count);
/* What pages hold, and whether they are hidden, as other pages that were taken hidden. */
void posix_pages_copy(uint32_t to, uint32_t from, uint32_t count);

/* Whether all of a run are in use. */
bool posix_pages_used(uint32_t first, uint32_t count);
void *posix_page_address(uint32_t page);
/* The page that begins at that address and the count of pages up to its end; false if that is not
 * all in the arena, or does not begin with a page. */
bool posix_pages_of(uint64_t address, uint64_t bytes, uint32_t *first, uint32_t *count);
/* The highest number of pages in use so far: what the arena has grown to. */
uint32_t posix_pages_top(void);

#endif
