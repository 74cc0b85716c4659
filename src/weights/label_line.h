/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One line of a label file: where a number stands that may be the class's, and where its name. The
 * parts are looked for in place, so that no file, however long, asks for memory here. */
#ifndef EFFNET_WEIGHTS_LABEL_LINE_H
#define EFFNET_WEIGHTS_LABEL_LINE_H

#include <glib.h>

typedef struct {
  char *name; /* [length], in the line; NULL: the line is not of this form */
  size_t length;
  const char *number; /* in the line: digits, or a synset */
  gboolean certain;   /* more than a space parts the two */
} EffnetLabelLine;

/* Of @text, without spaces at its ends. FALSE when it is not of this form. */
typedef gboolean (*EffnetLabelForm) (char *text, EffnetLabelLine *line);

/* "0 cat", "0: cat", "0,cat", "\"0\";\"cat\"", "[0] cat", "0) cat", "0. cat", "0 - cat" */
gboolean effnet_label_head (char *text, EffnetLabelLine *line);
/* "cat,0", "\"cat\";\"0\"", "cat: 0", "cat 0" */
gboolean effnet_label_tail (char *text, EffnetLabelLine *line);
/* "n02123045 tabby": ImageNet's synsets, which number the classes in the order of the alphabet */
gboolean effnet_label_synset (char *text, EffnetLabelLine *line);

#endif
