/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What was taught, in memory and in a file: exemplars with their labels, and which versions of the
 * head were trained from them. The invariants: the file is bounded, is replaced as a whole or not
 * at all, and is distrusted when it is read; one store at a time has it open. Knows no thread: its
 * owner has a lock. */
#ifndef GST_EFFNET_TEACH_STORE_H
#define GST_EFFNET_TEACH_STORE_H

#include <effnet/effnet.h>
#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_EFFNET_EXEMPLARS_MAX 1000  /* one more takes the place of the oldest of its label */
#define GST_EFFNET_VERSIONS_MAX  10    /* one more takes the place of the oldest */
#define GST_EFFNET_TAUGHT_MAX    100   /* labels */
#define GST_EFFNET_LABEL_BYTES   200   /* of a label, at most */
#define GST_EFFNET_PICTURE_BYTES 65536 /* of an exemplar's JPEG, at most */

/* A frame that somebody named. Immutable. */
typedef struct {
  gatomicrefcount refs;
  char *label;
  gint64 time;       /* of the clock on the wall, microseconds since 1970 */
  GBytes *embedding; /* [features] floats, as the network gave them */
  GBytes *jpeg;      /* (nullable): a small picture of what the network saw */
} GstEffnetExemplar;

/* @jpeg: (nullable): one that is too large is left out */
GstEffnetExemplar *gst_effnet_exemplar_new (const char *label, GBytes *embedding, GBytes *jpeg);
GstEffnetExemplar *gst_effnet_exemplar_ref (GstEffnetExemplar *exemplar);
void gst_effnet_exemplar_unref (GstEffnetExemplar *exemplar);

typedef struct {
  guint number;    /* from 1 */
  guint before;    /* the one that was in use when it was trained; 0 = none */
  double accuracy; /* by leave-one-out, 0 to 1 */
} GstEffnetVersion;

/* What gives embeddings. */
typedef struct {
  EffnetModel *model;
  const char *backbone; /* sha256 of its weights */
  guint n_features;     /* floats of an embedding */
} GstEffnetSource;

typedef struct {
  char *path;
  char *shown;          /* the same for messages */
  int lock;             /* of the file that says that the store is open */
  EffnetModel *model;   /* the network, a reference, */
  char *backbone;       /* and the sha256 of its weights, which gave the embeddings */
  guint n_features;     /* floats of an embedding */
  GPtrArray *exemplars; /* of GstEffnetExemplar, the oldest first */
  GArray *versions;     /* of GstEffnetVersion, the oldest first */
  guint current;        /* the version in use; 0 = none */
  guint last;           /* the newest version there ever was */
} GstEffnetStore;

/* What can be written without the store. */
typedef struct {
  char *path;
  GPtrArray *exemplars;
  GByteArray *head; /* all that stands before the exemplars */
} GstEffnetStoreCopy;

/* FALSE with a sentence when @label cannot be one. */
gboolean gst_effnet_label_check (const char *label, GError **error);

/* Opens @path, or begins a new one. Returns: (nullable): NULL with an EffnetError: what is there is
 * no store, is damaged, is of another network, or is open elsewhere */
GstEffnetStore *gst_effnet_store_open (const char *path, const GstEffnetSource *source,
                                       GError **error);
void gst_effnet_store_free (GstEffnetStore *store);
/* Takes @exemplar. FALSE when its label is one too many. */
gboolean gst_effnet_store_add (GstEffnetStore *store, GstEffnetExemplar *exemplar, GError **error);
/* Returns: how many exemplars had that label, and are gone */
guint gst_effnet_store_forget (GstEffnetStore *store, const char *label);
/* Returns: (transfer full): of char *, borrowed, in the order of their first exemplars.
 * @counts: (out) (optional): of guint, exemplars of each */
GPtrArray *gst_effnet_store_get_labels (const GstEffnetStore *store, GArray **counts);
/* Sets the lists `labels`, of string, and `counts`, of uint, of those labels. */
void gst_effnet_set_labels (GstStructure *s, gconstpointer labels, const GArray *counts);
/* Returns: (nullable): the version with that number */
GstEffnetVersion *gst_effnet_store_find (GstEffnetStore *store, guint number);
/* It becomes the one in use. Returns: the number of the version that had to go for it, or 0 */
guint gst_effnet_store_add_version (GstEffnetStore *store, double accuracy);
/* Returns: (transfer full): the folder of a version's head; free with g_free() */
char *gst_effnet_store_get_folder (const GstEffnetStore *store, guint number);
/* For gst_effnet_store_copy_write(), which takes long and needs no lock. */
GstEffnetStoreCopy *gst_effnet_store_copy (const GstEffnetStore *store);
/* Takes @copy. */
gboolean gst_effnet_store_copy_write (GstEffnetStoreCopy *copy, GError **error);

G_END_DECLS

#endif
