/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the tests of labels share: a harness with two photographs that it can be fed, and a listener
 * to the element's signals. */
#ifndef TEST_GST_PHOTOS_H
#define TEST_GST_PHOTOS_H

#include "common.h"

#define PHOTO_SIDE 224

typedef struct {
  GstHarness *h;
  GstBuffer *cat, *coffee;
} Photos;

void photos_set_up (Photos *f);
void photos_tear_down (Photos *f);
/* A photograph as the frame number @n. */
GstBuffer *photos_frame (const GstBuffer *photo, int n);

/* What was heard last, and how often. */
typedef struct {
  guint n_changes, n_classified;
  char *region, *before, *now, *head;
  GstClockTime since;
  int roi_id;
} Heard;

/* From now on. */
void heard_listen (GstHarness *h, Heard *heard);
void heard_clear (Heard *heard);

#endif
