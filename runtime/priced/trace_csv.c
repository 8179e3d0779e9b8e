#include "runtime/priced/trace.h"
#include <math.h>
#include <string.h>

#define COLUMNS_MAX (1u + NOM_USES_MAX)

struct reader {
    struct priced_trace *trace;
    struct priced_trouble *t;
    double scale, first_s;
    bool moments; /* the first column's form */
    uint32_t columns;
    const struct priced_unit *unit[NOM_USES_MAX]; /* of each column but the first */
    unsigned line;
};

size_t priced_csv_room(const char *text, size_t bytes) {
    size_t lines = 1;
    for (size_t i = 0; i < bytes; i++)
        lines += text[i] == '\n';
    return lines;
}

static int bad(struct reader *r, const char *what, const char *text) {
    return priced_trouble(r->t, PRICED_NONSENSE, "line %u: %s: %.60s", r->line, what, text);
}

/* Cuts the line at its commas; how many cells, 0 where there are too many. */
static uint32_t split(char *line, char *cell[COLUMNS_MAX]) {
    uint32_t n = 0;
    for (char *at = line;; n++) {
        if (n == COLUMNS_MAX)
            return 0;
        cell[n] = at;
        char *comma = strchr(at, ',');
        if (!comma)
            return n + 1;
        *comma = '\0';
        at = comma + 1;
    }
}

static int read_header(struct reader *r, char *line) {
    char *cell[COLUMNS_MAX];
    r->columns = split(line, cell);
    if (r->columns < 2)
        return bad(r, "the header needs a time and prices, at most one a use", line);
    r->moments = strcmp(cell[0], "time_utc") == 0;
    if (!r->moments && strcmp(cell[0], "time_s") != 0)
        return bad(r, "the first column is time_s or time_utc, not", cell[0]);
    for (uint32_t i = 1; i < r->columns; i++) {
        char *colon = strchr(cell[i], ':');
        if (!colon)
            return bad(r, "a price's column is USE:UNIT, not", cell[i]);
        *colon = '\0';
        uint32_t use_id = priced_use(cell[i]);
        if (use_id == 0)
            return bad(r, "there is no use", cell[i]);
        r->unit[i - 1] = priced_unit(use_id, colon + 1);
        if (!r->unit[i - 1])
            return bad(r, "that use has no unit", colon + 1);
        for (uint32_t j = 1; j < i; j++)
            if (r->unit[j - 1]->use_id == use_id)
                return bad(r, "two columns of", cell[i]);
    }
    return 0;
}

static int read_event(struct reader *r, char *line) {
    char *cell[COLUMNS_MAX];
    struct priced_trace *trace = r->trace;
    if (split(line, cell) != r->columns)
        return bad(r, "another number of columns than the header", line);
    if (trace->count == trace->room)
        return bad(r, "no room for more", line);
    struct priced_event *e = &trace->event[trace->count];
    double at_s = 0;
    if ((r->moments ? priced_moment : priced_number)(cell[0], &at_s) != 0)
        return bad(r, "no time", cell[0]);
    if (trace->count == 0) {
        r->first_s = at_s;
        for (uint32_t i = 0; i < NOM_USES_MAX; i++)
            e->usd[i] = NAN;
    } else {
        *e = e[-1];
        if (at_s - r->first_s <= e[-1].at_s)
            return bad(r, "its time is not after the one before", cell[0]);
    }
    e->at_s = at_s - r->first_s;
    for (uint32_t i = 1; i < r->columns; i++) {
        double price;
        if (cell[i][0] == '\0')
            continue;
        if (priced_number(cell[i], &price) != 0 || price < 0)
            return bad(r, "no price", cell[i]);
        e->usd[r->unit[i - 1]->use_id - 1] = price * r->unit[i - 1]->factor * r->scale;
    }
    trace->count++;
    return 0;
}

int priced_csv_read(struct priced_trace *trace, const char *text, size_t bytes, double scale,
                    struct priced_trouble *t) {
    struct reader r = {.trace = trace, .t = t, .scale = scale};
    const char *end = text + bytes;
    trace->count = 0;
    while (text < end) {
        char line[PRICED_CSV_LINE];
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t length = (size_t)((stop ? stop : end) - text);
        r.line++;
        if (length >= sizeof line || memchr(text, '\0', length))
            return bad(&r, "too long, or no text", "");
        memcpy(line, text, length);
        text += length + 1;
        if (length > 0 && line[length - 1] == '\r')
            length--;
        line[length] = '\0';
        if (length == 0 || line[0] == '#')
            continue;
        if ((r.columns == 0 ? read_header : read_event)(&r, line) != 0)
            return -1;
    }
    return trace->count > 0 ? 0 : bad(&r, "a trace without a price", "");
}
