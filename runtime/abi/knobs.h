/*
 * The one list of what can be tuned and of what has a price. Guest, sweep, help, table and store
 * all read it; nothing of it is typed again elsewhere.
 *
 * NOM_KNOBS(X):  X(ID, id, name, unit, least, greatest, initial, help)
 * NOM_USES(X):   X(ID, id, name, unit of use, unit of price, help)
 *
 * The numbers stand in table files: never change one, only add. A knob without a unit is a choice
 * among whole numbers.
 */
#ifndef NOM_ABI_KNOBS_H
#define NOM_ABI_KNOBS_H

#define NOM_KNOBS(X)                                                                               \
    X(DELAY_US, 1, "delay_us", "us", 0.0, 1000.0, 0.0,                                             \
      "batching delay W: how long packets may wait to travel together")                            \
    X(KICK, 2, "kick", "", 0.0, 1.0, 0.0,                                                          \
      "at W = 0: 0 natural (what is ready goes together), 1 strict (one packet, one kick)")        \
    X(POLL_US, 3, "poll_us", "us", 0.0, 1e6, 100000.0,                                             \
      "how long without a frame before the app sleeps until an interrupt, and polls no more")

#define NOM_USES(X)                                                                                \
    X(GBIT_OUT_PER_S, 1, "gbit_out_per_s", "Gbit/s", "$/Gbit", "outbound bits on the wire")        \
    X(CPU_S_PER_S, 2, "cpu_s_per_s", "s/s", "$/s", "CPU time of the virtual machine")

#define NOM_KNOB_ENUM(ID, id, name, unit, least, greatest, initial, help) NOM_KNOB_##ID = id,
#define NOM_USE_ENUM(ID, id, name, unit, price_unit, help)                NOM_USE_##ID = id,
enum nom_knob_id { NOM_KNOBS(NOM_KNOB_ENUM) };
enum nom_use_id { NOM_USES(NOM_USE_ENUM) };
#undef NOM_KNOB_ENUM
#undef NOM_USE_ENUM

#define NOM_KNOBS_MAX 8u /* room in a row of a table */
#define NOM_USES_MAX  4u

#define NOM_DELAY_US_MAX    1000.0 /* greatest of DELAY_US */
#define NOM_POLL_US_MAX     1e6    /* and of POLL_US */
#define NOM_POLL_US_INITIAL 100000.0

enum nom_kick {
    NOM_KICK_NATURAL = 0,
    NOM_KICK_STRICT = 1,
};

#endif
