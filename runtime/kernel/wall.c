/*
 * The MC146818 clock at ports 0x70 and 0x71. It may be changing while it is read: two readings that
 * agree are good.
 */
#include "wall.h"

#define SECOND    0x00
#define MINUTE    0x02
#define HOUR      0x04
#define DAY       0x07
#define MONTH     0x08
#define YEAR      0x09
#define STATUS_A  0x0a
#define STATUS_B  0x0b
#define UPDATING  0x80u /* of STATUS_A */
#define BINARY    0x04u /* of STATUS_B; else decimal digits */
#define HOURS_24  0x02u
#define AFTERNOON 0x80u /* of HOUR, where it counts to 12 */
#define CENTURY   2000u
#define READINGS  100

static const uint8_t registers[] = {SECOND, MINUTE, HOUR, DAY, MONTH, YEAR};
#define FIELDS (sizeof registers)

static uint8_t read(uint8_t index) {
    nk_out8(0x70, index);
    return nk_in8(0x71);
}

static void read_all(uint8_t *out) {
    for (unsigned i = 0; i < READINGS && (read(STATUS_A) & UPDATING); i++)
        ;
    for (unsigned i = 0; i < FIELDS; i++)
        out[i] = read(registers[i]);
}

static bool read_twice(uint8_t *out) {
    uint8_t again[FIELDS];
    for (unsigned tries = 0; tries < READINGS; tries++) {
        bool same = true;
        read_all(out);
        read_all(again);
        for (unsigned i = 0; i < FIELDS; i++)
            same = same && out[i] == again[i];
        if (same)
            return true;
    }
    return false;
}

/* Years are counted from March, so that the day that comes and goes is the last. */
static uint64_t days_since_1970(uint64_t year, uint64_t month, uint64_t day) {
    uint64_t y = month < 3 ? year - 1 : year, m = month < 3 ? month + 9 : month - 3;
    return y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719468;
}

uint64_t nk_wall_s(void) {
    uint8_t field[FIELDS];
    if (!read_twice(field))
        return 0;
    uint8_t status = read(STATUS_B);
    bool afternoon = !(status & HOURS_24) && (field[2] & AFTERNOON);
    if (!(status & HOURS_24))
        field[2] &= (uint8_t)~AFTERNOON;
    for (unsigned i = 0; i < FIELDS && !(status & BINARY); i++)
        field[i] = (uint8_t)((field[i] >> 4) * 10 + (field[i] & 15));
    if (!(status & HOURS_24))
        field[2] = (uint8_t)(field[2] % 12 + (afternoon ? 12 : 0));
    if (field[0] > 60 || field[1] > 59 || field[2] > 23 || field[3] < 1 || field[3] > 31 ||
        field[4] < 1 || field[4] > 12 || field[5] > 99)
        return 0;
    return (days_since_1970(CENTURY + field[5], field[4], field[3]) * 24 + field[2]) * 3600 +
           field[1] * 60u + field[0];
}
