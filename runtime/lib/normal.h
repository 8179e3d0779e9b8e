/* Q(z), the upper tail of the standard normal distribution, for apps (econ_normal_tail_fn). */
#ifndef LIB_NORMAL_H
#define LIB_NORMAL_H

double nom_normal_tail(double z);

#endif
