/*
 * The initrd: a cpio archive ("newc", magic 070701 or 070702), as kernel and apps both read it.
 * Each entry is a header of 110 characters (the magic, then 13 fields of 8 hexadecimal digits), the
 * name with its NUL, padding to 4 bytes, the data, padding to 4 bytes. The last is TRAILER!!!.
 *
 * Nothing in an archive is believed before it is compared with the archive's length, so any bytes
 * may be given.
 */
#ifndef NOM_ABI_CPIO_H
#define NOM_ABI_CPIO_H

#include <stdbool.h>
#include <stdint.h>

#define NOM_CPIO_HEADER_BYTES 110u
#define NOM_CPIO_TYPE_MASK    0170000u
#define NOM_CPIO_TYPE_FILE    0100000u

struct nom_cpio_entry {
    const char *name;    /* in the archive, NUL-terminated */
    const uint8_t *data; /* in the archive, whole */
    uint32_t bytes;
    uint32_t mode;
};

/* Eight hexadecimal digits; false if one is none. */
static inline bool nom_cpio_field(const uint8_t *digits, uint32_t *value) {
    uint32_t v = 0;
    for (unsigned i = 0; i < 8; i++) {
        uint8_t c = digits[i];
        if (c >= '0' && c <= '9')
            c -= '0';
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            c = (uint8_t)((c | 0x20) - 'a' + 10);
        else
            return false;
        v = v << 4 | c;
    }
    *value = v;
    return true;
}

/*
 * The entry at offset *at (0 for the first); moves *at to the next.
 * 1: *entry is filled; 0: no more entries; -1: what stands there is damaged or cut off.
 */
static inline int nom_cpio_next(const void *archive, uint64_t archive_bytes, uint64_t *at,
                                struct nom_cpio_entry *entry) {
    const uint8_t *base = (const uint8_t *)archive;
    uint64_t header = *at;
    uint32_t name_bytes, data_bytes, mode;

    if (header > archive_bytes || archive_bytes - header < NOM_CPIO_HEADER_BYTES)
        return -1;
    const uint8_t *h = base + header;
    const char magic[] = "07070";
    for (unsigned i = 0; i < 5; i++)
        if (h[i] != (uint8_t)magic[i])
            return -1;
    if ((h[5] != '1' && h[5] != '2') || !nom_cpio_field(h + 6 + 8, &mode) ||
        !nom_cpio_field(h + 6 + 48, &data_bytes) || !nom_cpio_field(h + 6 + 88, &name_bytes))
        return -1;

    uint64_t name = header + NOM_CPIO_HEADER_BYTES;
    if (name_bytes == 0 || name_bytes > archive_bytes - name || base[name + name_bytes - 1] != 0)
        return -1;
    uint64_t data = (name + name_bytes + 3) & ~3ULL;
    if (data > archive_bytes || data_bytes > archive_bytes - data)
        return -1;

    const char trailer[] = "TRAILER!!!";
    unsigned same = 0;
    while (same < sizeof trailer && same < name_bytes &&
           base[name + same] == (uint8_t)trailer[same])
        same++;
    if (same == sizeof trailer)
        return 0;

    entry->name = (const char *)(base + name);
    entry->data = base + data;
    entry->bytes = data_bytes;
    entry->mode = mode;
    *at = (data + data_bytes + 3) & ~3ULL;
    return 1;
}

#endif
