/*
 * The normal tail of equation 2, by GSL.
 */
#include "tuner/tuner.h"
#include <gsl/gsl_cdf.h>

double tuner_normal_tail(double z) {
    return gsl_cdf_ugaussian_Q(z);
}
