/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any property of an element set to anything it may be, from the list its class has: a new property
 * takes part without a word here. */
#ifndef TEST_LIVE_SETTINGS_H
#define TEST_LIVE_SETTINGS_H

#include <gst/gst.h>

/* Texts that mean something, and some that do not: what a property of this name is set to beside
 * nothing. The first half are usable. */
typedef struct {
  const char *property;
  const char *texts[6];
} SettingsTexts;

/* @texts: ended by a NULL property, whose texts are for properties without an entry. */
typedef struct {
  GRand *rand;
  const SettingsTexts *texts;
} Settings;

/* Sets one writable property. Returns: (transfer full): "name=value", for a log */
char *settings_set_any (const Settings *settings, GstElement *element);
/* All writable properties as they are in a new element; but the name. */
void settings_reset (GstElement *element);
/* Reads all that can be read. */
void settings_read_all (GstElement *element);
/* Emits one of the class's actions. Returns: (transfer none): its name, or NULL */
const char *settings_act (const Settings *settings, GstElement *element);

#endif
