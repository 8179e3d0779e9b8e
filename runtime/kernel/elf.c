/*
 * What is accepted: ELF64, little-endian, x86-64, ET_EXEC, without interpreter or dynamic section;
 * loadable segments in ascending order, none sharing a page with another, all within
 * NK_APP_IMAGE_START..END, none both writable and executable; the entry in an executable one.
 * Every number of the file is compared with what it must fit into before it is used.
 */
#include "elf.h"
#include "memory.h"
#include "paging.h"
#include "worker.h"

#define MAGIC               0x464c457fu
#define CLASS_DATA_VERSION  0x010102u /* 64-bit, little-endian, version 1 */
#define TYPE_EXEC           2
#define MACHINE_X86_64      62
#define SEGMENT_LOAD        1
#define SEGMENT_DYNAMIC     2
#define SEGMENT_INTERPRETER 3
#define FLAG_EXECUTE        1u
#define FLAG_WRITE          2u

struct header {
    uint32_t magic, ident;
    uint64_t ident_rest;
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, segments_offset, sections_offset;
    uint32_t flags;
    uint16_t header_bytes, segment_bytes, segment_count, rest[3];
} __attribute__((packed));
_Static_assert(sizeof(struct header) == 64, "Elf64_Ehdr");

struct segment {
    uint32_t type, flags;
    uint64_t offset, address, physical, file_bytes, memory_bytes, align;
} __attribute__((packed));
_Static_assert(sizeof(struct segment) == 56, "Elf64_Phdr");

/* Memory for at most *bytes of a segment from address on: blocks where it covers them, pages at its
 * ends; *bytes says how much it is. 0 if there is none. */
static uint64_t piece(const struct nk_app *app, uint64_t address, uint64_t *bytes) {
    uint64_t rest = NK_BLOCK_BYTES - (address & (NK_BLOCK_BYTES - 1));
    if (rest == NK_BLOCK_BYTES && *bytes >= NK_BLOCK_BYTES) {
        *bytes &= ~(NK_BLOCK_BYTES - 1);
        return nk_memory_blocks(app->number, *bytes / NK_BLOCK_BYTES);
    }
    if (*bytes > rest)
        *bytes = rest;
    return nk_memory_pages(app->number, (unsigned)(*bytes / NK_PAGE_BYTES));
}

static const char *load_segment(struct nk_app *app, const uint8_t *file, uint64_t bytes,
                                const struct segment *s, uint64_t *end) {
    if (s->file_bytes > s->memory_bytes)
        return "a segment is larger in the file than in memory";
    if (s->offset > bytes || s->file_bytes > bytes - s->offset)
        return "the file is cut off: a segment lies beyond its end";
    if (s->address < NK_APP_IMAGE_START || s->address > NK_APP_IMAGE_END ||
        s->memory_bytes > NK_APP_IMAGE_END - s->address)
        return "a segment lies outside the addresses of an app";
    if ((s->flags & FLAG_WRITE) && (s->flags & FLAG_EXECUTE))
        return "a segment is both writable and executable";

    uint64_t first = s->address & ~(NK_PAGE_BYTES - 1);
    uint64_t last = (s->address + s->memory_bytes + NK_PAGE_BYTES - 1) & ~(NK_PAGE_BYTES - 1);
    if (first < *end)
        return "segments overlap, share a page or are out of order";
    *end = last;

    uint64_t rights = s->flags & FLAG_EXECUTE ? 0 : NK_PAGE_NO_EXECUTE;
    if (s->flags & FLAG_WRITE)
        rights |= NK_PAGE_WRITE;
    for (uint64_t at = first, n; at < last; at += n) {
        n = last - at;
        uint64_t physical = piece(app, at, &n);
        if (!physical || !nk_paging_map(app, at, physical, n, rights))
            return "not enough memory";
        /* What of the file's bytes lies in [at, at + n). */
        uint64_t start = at > s->address ? at : s->address, file_end = s->address + s->file_bytes;
        uint64_t stop = at + n < file_end ? at + n : file_end;
        if (start < stop)
            nk_worker_move(physical + (start - at),
                           (uint64_t)(file + s->offset + (start - s->address)) - NK_DIRECT_BASE,
                           stop - start);
    }
    return NULL;
}

const char *nk_elf_load(struct nk_app *app, const uint8_t *file, uint64_t bytes, uint64_t *entry) {
    const struct header *h = (const struct header *)file;
    if (bytes < 4 || h->magic != MAGIC)
        return "not an ELF file";
    if (bytes < sizeof *h)
        return "the file is cut off: no whole ELF header";
    if ((h->ident & 0xffffff) != CLASS_DATA_VERSION || h->machine != MACHINE_X86_64)
        return "not an ELF file for x86-64";
    if (h->type != TYPE_EXEC)
        return "not a static executable (linked with -static -no-pie)";
    if (h->segment_bytes != sizeof(struct segment) || h->segment_count == 0 ||
        h->segment_count > NK_ELF_SEGMENTS_MAX)
        return "its list of segments makes no sense";
    if (h->segments_offset > bytes ||
        h->segment_count * sizeof(struct segment) > bytes - h->segments_offset)
        return "the file is cut off: its list of segments lies beyond its end";

    const struct segment *s = (const struct segment *)(file + h->segments_offset);
    uint64_t end = 0;
    bool entry_good = false;
    for (unsigned i = 0; i < h->segment_count; i++, s++) {
        if (s->type == SEGMENT_DYNAMIC || s->type == SEGMENT_INTERPRETER)
            return "not a static executable (linked with -static -no-pie)";
        if (s->type != SEGMENT_LOAD || s->memory_bytes == 0)
            continue;
        const char *why = load_segment(app, file, bytes, s, &end);
        if (why)
            return why;
        entry_good |= (s->flags & FLAG_EXECUTE) && h->entry >= s->address &&
                      h->entry - s->address < s->memory_bytes;
    }
    if (!entry_good)
        return "its entry lies in no executable segment";
    *entry = h->entry;
    return NULL;
}
