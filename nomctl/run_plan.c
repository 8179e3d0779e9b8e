/* From two schedules to phases, and from a phase's measurements to its profit; see run.h. */
#include "nomctl/run.h"
#include "runtime/econ/econ.h"

/* The last step that has begun at this time. */
static const struct step *step_at(const struct step *steps, size_t count, double at_s) {
    const struct step *now = steps;
    for (size_t i = 0; i < count && steps[i].at_s <= at_s; i++)
        now = &steps[i];
    return now;
}

/* The first beginning after this time in either schedule, or `end_s`. */
static double next_change(const struct step *steps, size_t count, double after_s, double end_s) {
    for (size_t i = 0; i < count; i++)
        if (steps[i].at_s > after_s && steps[i].at_s < end_s)
            return steps[i].at_s;
    return end_s;
}

static int within(const char *what, const struct step *steps, size_t count, double seconds,
                  char *why, size_t why_bytes) {
    if (steps[count - 1].at_s < seconds)
        return 0;
    snprintf(why, why_bytes, "%s: the step at %gs is not before the end of the run at %gs", what,
             steps[count - 1].at_s, seconds);
    return -1;
}

int run_plan(struct run *run, const struct run_price *from, const char *loads, char *why,
             size_t why_bytes) {
    struct step price[STEPS_MAX], load[STEPS_MAX];
    size_t price_count, load_count;
    if ((run_price_is_file(from->text)
             ? run_trace(from, run->seconds, price, &price_count, why, why_bytes)
             : list_schedule("--price", from->text, price, &price_count, why, why_bytes)) ||
        list_schedule("--load", loads, load, &load_count, why, why_bytes) ||
        within("--price", price, price_count, run->seconds, why, why_bytes) ||
        within("--load", load, load_count, run->seconds, why, why_bytes))
        return -1;
    run->count = 0;
    for (double at_s = 0, end_s; at_s < run->seconds; at_s = end_s) {
        struct phase *p = &run->phases[run->count++];
        *p = (struct phase){.start_s = at_s};
        end_s = next_change(price, price_count, at_s, run->seconds);
        end_s = next_change(load, load_count, at_s, end_s);
        p->seconds = end_s - at_s;
        if (list_number("--price", step_at(price, price_count, at_s)->value, 0, 1e9,
                        &p->price_usd_per_gbit, why, why_bytes) ||
            list_load(step_at(load, load_count, at_s)->value, &p->load, why, why_bytes))
            return -1;
    }
    return 0;
}

double run_profit_usd_per_s(const struct nom_utility *utility, double price_usd_per_gbit,
                            const struct trial_result *r) {
    double value = econ_value_usd_per_gbit(utility, r->latency_mean_us * 1e-6, r->jitter_us * 1e-6,
                                           tuner_normal_tail);
    /* Where the wire was not counted, what users received is its floor. */
    double sent = r->gbit_out_per_s > 0 ? r->gbit_out_per_s : r->useful_gbit_per_s;
    double cost = price_usd_per_gbit * sent;
    return (r->replies > 0 ? r->useful_gbit_per_s * value : 0) - cost;
}
