/*
 * A recorded price history, and its replay at any speed. In a trace all is known before it begins;
 * a file that is not wholly understood is refused, with its line or entry.
 *
 * Events stand in order of time, the first at 0; each has all prices that are known by then.
 */
#ifndef PRICED_TRACE_H
#define PRICED_TRACE_H

#include "runtime/priced/json.h"
#include "runtime/priced/units.h"

struct priced_event {
    double at_s;
    double usd[NOM_USES_MAX]; /* by use id - 1, in the board's unit; NAN: not known yet */
};

struct priced_trace {
    struct priced_event *event; /* the caller's */
    size_t count, room;
};

/*
 * CSV. The first line is "time_s" or "time_utc", then for each price USE:UNIT (units.h), separated
 * by commas: "time_s,gbit_out_per_s:usd_per_gbit". Then a line for each change: seconds, from any
 * origin, or a moment (below); and prices, or nothing where one stays. Times only grow. Blank lines
 * and lines that begin with '#' do not count.
 *
 * Events that a text may need: priced_csv_room. 0 and fills trace; -1 and the trouble.
 */
size_t priced_csv_room(const char *text, size_t bytes);
int priced_csv_read(struct priced_trace *trace, const char *text, size_t bytes, double scale,
                    struct priced_trouble *t);

/*
 * EC2 spot price history, as "aws ec2 describe-spot-price-history --output json" prints it, in any
 * order. The filters are exact, NULL takes all; what is left must be one series: one instance type,
 * zone and product.
 */
struct priced_ec2_filter {
    const char *instance_type, *zone, *product;
};
size_t priced_ec2_room(const json_t *document);
int priced_ec2_read(struct priced_trace *trace, const json_t *document,
                    const struct priced_ec2_filter *filter, const struct priced_unit *unit,
                    double scale, struct priced_trouble *t);

/* "2016-04-18T09:05:07Z", also with a fraction of a second, a blank for the T, or an offset
 * "+01:30": seconds since 1970. 0 or -1. */
int priced_moment(const char *text, double *seconds);

/* Replay. The last price of a loop lasts as long as the one before it did. */
struct priced_replay {
    const struct priced_trace *trace;
    double speed; /* seconds of the trace a second; over 0 */
    bool loop;
    bool announce; /* each answer announces the next price */
    uint64_t start_us;
    bool begun;
    size_t at;       /* the event in force */
    uint64_t rounds; /* that have ended */
};

/* Begins now; the trace is not empty. */
void priced_replay_init(struct priced_replay *r, const struct priced_trace *trace, double speed,
                        bool loop, bool announce, uint64_t now_us);
/* When the next event comes; UINT64_MAX: never. */
uint64_t priced_replay_next_us(const struct priced_replay *r);
/* The newest event that has come and was not taken yet; false: there is none. */
bool priced_replay_take(struct priced_replay *r, uint64_t now_us, struct priced_answer *out);

#endif
