/* SPDX-License-Identifier: MIT */
/* wilson.c - see wilson.h; E. B. Wilson, J. Am. Stat. Assoc. 22 (1927). */
#include "common/base/wilson.h"

#include <math.h>

void wilson_interval(double rate, int n, double out[2])
{
    const double z = 1.959964, zz = z * z / n;
    double middle = (rate + zz / 2) / (1 + zz);
    double half = z / (1 + zz) * sqrt(rate * (1 - rate) / n + zz / (4.0 * n));
    out[0] = rate <= 0 ? 0 : fmax(middle - half, 0); /* exact at both ends, whatever is rounded */
    out[1] = rate >= 1 ? 1 : fmin(middle + half, 1);
}
