/* What net adds to lwIP's pools of structures (lwip/memp.h). */
#ifndef NET_LWIP_MEMP_H
#define NET_LWIP_MEMP_H

#include <stdint.h>

/* Beside an eighth of an app's connections: those it refuses, those closing, in TIME_WAIT, half
 * open. */
#define NET_PCBS_BESIDE 512u

/* For an app of so many connections, or with 0 for as many as there can be: a little memory for
 * each kind, so that none is ever without. 0, or -1 if the floor has not that much. Before
 * lwip_init. */
int net_memp_open(uint32_t connections);

#endif
