/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/damage.h"

#include <math.h>
#include <string.h>

/* Cameras leave a byte or two behind data that is otherwise sound. */
#define BYTES_LEFT 3

void
effnet_damage_begin (EffnetDamage *damage)
{
  memset (damage, 0, sizeof *damage);
}

static void
note (EffnetDamage *damage, unsigned row, const char *warning)
{
  if (damage->first[0] != '\0' || damage->rows == 0) /* of the header nothing is in doubt */
    return;
  g_strlcpy (damage->first, warning, sizeof damage->first);
  damage->at = row;
}

/* Puts @rows from @from on in doubt, the last of them in part. */
static void
mark (EffnetDamage *damage, unsigned from, double rows)
{
  for (unsigned y = from; y < damage->rows && rows > 0; y++, rows--)
    damage->doubt[y] = MIN (1, damage->doubt[y] + (float)MIN (rows, 1));
}

void
effnet_damage_ahead (EffnetDamage *damage, unsigned row, const char *warning)
{
  double rows = damage->rows;

  if (damage->interval >= 1) /* intervals begin at multiples of it, whatever was lost */
    rows = ceil ((row + 1) / damage->interval) * damage->interval - row;
  else if (damage->interval > 0)
    rows = damage->interval;
  damage->warnings++;
  note (damage, row, warning);
  mark (damage, row, rows);
}

static gboolean
is_padding (const uint8_t *bytes, size_t n)
{
  /* the decoder may have had some of the first in its registers */
  for (size_t i = n > 16 ? 8 : 0; i + 1 < n; i++)
    if (bytes[i] != bytes[i + 1])
      return FALSE;
  return TRUE;
}

void
effnet_damage_behind (EffnetDamage *damage, unsigned row, const uint8_t *bytes, size_t n,
                      const char *warning)
{
  double from = MAX (0, MIN (row, damage->rows) - ceil (damage->interval));

  damage->warnings++;
  if (n <= BYTES_LEFT || is_padding (bytes, n))
    return;
  note (damage, row, warning);
  if (damage->interval > 0)
    mark (damage, (unsigned)from, damage->interval);
  else
    mark (damage, 0, damage->rows);
}

void
effnet_damage_scan (EffnetDamage *damage, const char *warning)
{
  damage->warnings++;
  note (damage, 0, warning);
  mark (damage, 0, damage->rows);
}

double
effnet_damage_share (const EffnetDamage *damage, unsigned from, unsigned to)
{
  double sum = 0;

  to = MIN (to, damage->rows);
  for (unsigned y = from; y < to; y++)
    sum += damage->doubt[y];
  return to > from ? sum / (to - from) : 0;
}
