/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Random numbers that depend on nothing but a seed and a counter: splitmix64 (Steele, Lea and
 * Flood, "Fast splittable pseudorandom number generators", 2014). */
#ifndef EFFNET_BASE_RANDOM_H
#define EFFNET_BASE_RANDOM_H

#include <stdint.h>

static inline uint64_t
effnet_random (uint64_t seed, uint64_t counter)
{
  uint64_t z = seed + (counter + 1) * UINT64_C (0x9e3779b97f4a7c15);

  z = (z ^ (z >> 30)) * UINT64_C (0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C (0x94d049bb133111eb);
  return z ^ (z >> 31);
}

#endif
