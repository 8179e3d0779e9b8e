/*
 * Values and lists as typed on a command line. Everything is read in full and within limits, or
 * refused with the reason; numbers are plain decimals, so that "nan", "0x10" and "1e9" are refused.
 */
#include "nomctl/nomctl.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 4096u

int list_number(const char *what, const char *text, double least, double greatest, double *value,
                char *why, size_t why_bytes) {
    char *end;
    bool plain = text[0] && strspn(text, "0123456789.") == strlen(text) && strlen(text) < 32;
    *value = plain ? strtod(text, &end) : 0;
    if (!plain || *end || end == text) {
        snprintf(why, why_bytes, "%s: '%.40s' is not a number", what, text);
        return -1;
    }
    if (*value < least || *value > greatest) {
        snprintf(why, why_bytes, "%s: %s is not between %g and %g", what, text, least, greatest);
        return -1;
    }
    return 0;
}

int list_integer(const char *what, const char *text, uint64_t least, uint64_t greatest,
                 uint64_t *value, char *why, size_t why_bytes) {
    bool plain = text[0] && strspn(text, "0123456789") == strlen(text);
    if (!plain) {
        snprintf(why, why_bytes, "%s: '%.40s' is not a whole number", what, text);
        return -1;
    }
    *value = strlen(text) < 20 ? strtoull(text, NULL, 10) : UINT64_MAX;
    if (*value < least || *value > greatest) {
        snprintf(why, why_bytes, "%s: %.40s is not between %llu and %llu", what, text,
                 (unsigned long long)least, (unsigned long long)greatest);
        return -1;
    }
    return 0;
}

/* Cuts copy[] at each `separator` into part[]; the number of parts, or -1: too long, or too many.
 */
static int split(const char *text, char separator, char copy[TEXT_MAX], char **part, size_t most) {
    size_t n = 0;
    if (strlen(text) >= TEXT_MAX)
        return -1;
    strcpy(copy, text);
    for (char *at = copy; at; n++) {
        if (n == most)
            return -1;
        part[n] = at;
        at = strchr(at, separator);
        if (at)
            *at++ = '\0';
    }
    return (int)n;
}

static int delay(const char *text, double *value, char *why, size_t why_bytes) {
    return list_number("delays", text, 0, NOM_DELAY_US_MAX, value, why, why_bytes);
}

static int delay_range(char **part, int parts, double delays_us[DELAYS_MAX], size_t *count,
                       char *why, size_t why_bytes) {
    double low, high, step;
    if (parts != 3) {
        snprintf(why, why_bytes, "delays: a range is LOW:HIGH:STEP");
        return -1;
    }
    if (delay(part[0], &low, why, why_bytes) || delay(part[1], &high, why, why_bytes) ||
        delay(part[2], &step, why, why_bytes))
        return -1;
    if (low > high || step <= 0) {
        snprintf(why, why_bytes, "delays: %s:%s:%s has %s", part[0], part[1], part[2],
                 low > high ? "LOW above HIGH" : "a STEP of 0");
        return -1;
    }
    double steps = floor((high - low) / step + 1e-9);
    if (steps >= DELAYS_MAX) {
        snprintf(why, why_bytes, "delays: %.0f values, at most %u are allowed", steps + 1,
                 DELAYS_MAX);
        return -1;
    }
    *count = (size_t)steps + 1;
    for (size_t i = 0; i < *count; i++)
        delays_us[i] = low + (double)i * step;
    return 0;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int list_delays(const char *text, double delays_us[DELAYS_MAX], size_t *count, char *why,
                size_t why_bytes) {
    char copy[TEXT_MAX], *part[DELAYS_MAX];
    if (strchr(text, ':')) {
        int parts = split(text, ':', copy, part, 4);
        return delay_range(part, parts, delays_us, count, why, why_bytes);
    }
    int parts = split(text, ',', copy, part, DELAYS_MAX);
    if (parts < 0) {
        snprintf(why, why_bytes, "delays: at most %u values are allowed", DELAYS_MAX);
        return -1;
    }
    for (int i = 0; i < parts; i++)
        if (delay(part[i], &delays_us[i], why, why_bytes))
            return -1;
    *count = (size_t)parts;
    qsort(delays_us, *count, sizeof *delays_us, ascending);
    for (size_t i = 1; i < *count; i++)
        if (delays_us[i] == delays_us[i - 1]) {
            snprintf(why, why_bytes, "delays: %g is given twice", delays_us[i]);
            return -1;
        }
    return 0;
}

int list_load(const char *text, struct load_level *load, char *why, size_t why_bytes) {
    uint64_t n = 0;
    if (strcmp(text, "single") == 0)
        n = 1;
    else if (strcmp(text, "many") == 0)
        n = 32;
    else if (!text[0] || strspn(text, "0123456789") != strlen(text)) {
        snprintf(why, why_bytes,
                 "load: '%.40s' is neither single, many nor a number of connections", text);
        return -1;
    } else if (list_integer("load", text, 1, LOAD_CONNECTIONS_MAX, &n, why, why_bytes))
        return -1;
    snprintf(load->name, sizeof load->name, "%s", text);
    load->connections = (uint32_t)n;
    return 0;
}

int list_loads(const char *text, struct load_level loads[LOADS_MAX], size_t *count, char *why,
               size_t why_bytes) {
    char copy[TEXT_MAX], *part[LOADS_MAX];
    int parts = split(text, ',', copy, part, LOADS_MAX);
    if (parts < 0) {
        snprintf(why, why_bytes, "loads: at most %u are allowed", LOADS_MAX);
        return -1;
    }
    for (int i = 0; i < parts; i++) {
        if (list_load(part[i], &loads[i], why, why_bytes))
            return -1;
        for (int j = 0; j < i; j++)
            if (loads[j].connections == loads[i].connections) {
                snprintf(why, why_bytes, "loads: %s and %s are the same load", loads[j].name,
                         loads[i].name);
                return -1;
            }
    }
    *count = (size_t)parts;
    return 0;
}

int list_schedule(const char *what, const char *text, struct step steps[STEPS_MAX], size_t *count,
                  char *why, size_t why_bytes) {
    char copy[TEXT_MAX], *part[STEPS_MAX];
    int parts = split(text, ',', copy, part, STEPS_MAX);
    if (parts < 0) {
        snprintf(why, why_bytes, "%s: at most %u steps are allowed", what, STEPS_MAX);
        return -1;
    }
    for (int i = 0; i < parts; i++) {
        char *at = strchr(part[i], '@');
        if ((i == 0) != (at == NULL)) {
            snprintf(why, why_bytes,
                     i == 0 ? "%s: the first value holds from 0 on and takes no @TIME"
                            : "%s: '%.40s' lacks the time it begins, as in VALUE@5s",
                     what, part[i]);
            return -1;
        }
        steps[i].at_s = 0;
        if (at) {
            size_t n = strlen(at);
            *at++ = '\0';
            if (n > 2 && at[n - 2] == 's')
                at[n - 2] = '\0';
            if (list_number(what, at, 0, 86400, &steps[i].at_s, why, why_bytes))
                return -1;
            if (steps[i].at_s <= steps[i - 1].at_s) {
                snprintf(why, why_bytes, "%s: the time %ss does not come after the one before",
                         what, at);
                return -1;
            }
        }
        if (strlen(part[i]) >= sizeof steps[i].value) {
            snprintf(why, why_bytes, "%s: '%.40s' is too long", what, part[i]);
            return -1;
        }
        strcpy(steps[i].value, part[i]);
    }
    *count = (size_t)parts;
    return 0;
}
