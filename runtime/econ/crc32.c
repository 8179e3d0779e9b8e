/*
 * CRC-32 of IEEE 802.3, four bits at a step: a table of 64 bytes, quick enough for table files.
 */
#include "runtime/econ/econ.h"

/* Remainder of each 4-bit value, reflected polynomial 0xedb88320. */
static const uint32_t remainder4[16] = {
    0x00000000u, 0x1db71064u, 0x3b6e20c8u, 0x26d930acu, 0x76dc4190u, 0x6b6b51f4u,
    0x4db26158u, 0x5005713cu, 0xedb88320u, 0xf00f9344u, 0xd6d6a3e8u, 0xcb61b38cu,
    0x9b64c2b0u, 0x86d3d2d4u, 0xa00ae278u, 0xbdbdf21cu,
};

uint32_t econ_crc32(uint32_t crc, const void *bytes, size_t n) {
    const uint8_t *at = bytes;

    crc = ~crc;
    for (size_t i = 0; i < n; i++) {
        crc ^= at[i];
        crc = crc >> 4 ^ remainder4[crc & 15u];
        crc = crc >> 4 ^ remainder4[crc & 15u];
    }
    return ~crc;
}
