/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Results written by hand, for the elements that read them.
 */
#ifndef TEST_GST_HANDMADE_H
#define TEST_GST_HANDMADE_H

#include "schema.h"

/* Of the whole frame of 320x240, by the element "door", with one class. @label is borrowed; the
 * entry is one of the newest 64. */
GstEffnetRecord handmade_record (const char *label, int id, double score);

#endif
