/*
 * The store: sessions (one invocation of a measuring command) and their trials, in one SQLite
 * file. The only place with SQL. Schema versioned by PRAGMA user_version and migrated forward on
 * open; STRICT tables, foreign keys on, WAL; a trial is one transaction, so a crash loses at most
 * the trial under way.
 *
 * Every function returns 0 or a negative enum store_error; store_error_text gives one line.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "record/trial.h"
#include <stddef.h>
#include <stdint.h>

struct store;

enum store_error {
    STORE_EOPEN = 1,  /* cannot be created, read or written */
    STORE_ENOTDB = 2, /* a file, but not a database of ours */
    STORE_ENEWER = 3, /* written by a newer nomctl */
    STORE_EBUSY = 4,  /* another process holds the write lock for too long */
    STORE_EIO = 5,    /* disk full, I/O error */
    STORE_ENOENT = 6, /* no such session or trial */
    STORE_EDATA = 7,  /* a row that makes no sense */
    STORE_ENOMEM = 8,
};

enum store_mode {
    STORE_READ = 0,  /* must exist; migrated if older, nothing else is written */
    STORE_WRITE = 1, /* created, with its folder, if missing; migrated if older */
};

/* *store is set in every case but STORE_ENOMEM, for store_error_text; store_close it. */
int store_open(const char *path, enum store_mode mode, struct store **store);
void store_close(struct store *store);
/* The last error of this store, one line, names the file. */
const char *store_error_text(const struct store *store);

struct store_session {
    int64_t id;
    int64_t started_unix_us;        /* 0: store_session_begin fills in the present */
    int64_t ended_unix_us;          /* 0 while under way, or if it was killed */
    char command[TRIAL_NAME_BYTES]; /* "profile", "run", "compare", "bench" */
    char app[TRIAL_NAME_BYTES], target[TRIAL_NAME_BYTES], accel[TRIAL_NAME_BYTES];
    char arguments[1024];   /* what followed the command, as typed */
    char accel_reason[256]; /* why this accelerator */
    char machine[256];      /* host in one line: cores, memory, virtualisation kind */
    uint64_t seed;
};

/* Sets session->id. */
int store_session_begin(struct store *store, struct store_session *session);
int store_session_end(struct store *store, int64_t session_id);
int store_session_get(struct store *store, int64_t session_id, struct store_session *out);
/* Newest session of a command and app, with at least one good trial. Any filter may be NULL.
 * STORE_ENOENT if there is none. */
int store_session_latest(struct store *store, const char *command, const char *app,
                         const char *target, const char *accel, struct store_session *out);

/* One transaction. *trial_id: the run id that reports name. */
int store_trial_add(struct store *store, int64_t session_id, const struct trial *trial,
                    int64_t *trial_id);
/* Calls `each` for every trial of the session, by id. The trial is the callee's to read, freed
 * after the call; a non-zero return stops the walk and is passed on. with_histograms: also load
 * latency histograms and serial logs. */
int store_trials(struct store *store, int64_t session_id, int with_histograms,
                 int (*each)(void *context, int64_t trial_id, const struct trial *trial),
                 void *context);

/* Phases of `nomctl run` and whatever else later work keeps: see store.c's schema. */
struct store_phase {
    int64_t trial_id;    /* the phase's measurements are a trial of the session */
    uint32_t phase;      /* from 0 */
    uint32_t app_number; /* from 1: each app of a run has its own measurements */
    double price_usd_per_gbit;
    double price_noticed_us; /* from the provider's change to the app's report of it; not a number
                                where the price stayed */
    double profit_usd_per_s;
    struct nom_utility utility;
};
int store_phase_add(struct store *store, const struct store_phase *phase);

#endif
