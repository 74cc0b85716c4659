/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Results of a stream -> records on buffers and in messages; remembers which class of which part a
 * message announced last. The invariant: its arrays only grow, so that a buffer like those before
 * allocates nothing here. */
#ifndef GST_EFFNET_ANNOUNCE_H
#define GST_EFFNET_ANNOUNCE_H

#include "classify/enums.h"
#include "classify/results.h"
#include "schema.h"

G_BEGIN_DECLS

/* What a buffer gets of the results. */
typedef struct {
  GstEffnetResults *results;
  const GstEffnetRegionSettings *regions;
  const char *element; /* its name */
  guint top_k;         /* entries at most */
  gboolean embeddings; /* which the results may have for others */
  gboolean smooths;    /* news is what the stable class says */
  gboolean alone;      /* there is no buffer that says where regions of interest are now */
  gboolean fresh;      /* the results are of this very buffer, but those that are kept */
} GstEffnetView;

typedef struct {
  GArray *announced; /* of Announced */
  GArray *records;   /* of GstEffnetRecord, of the present buffer */
  GArray *origins;   /* of GstEffnetResult *, one for each record */
  GArray *places;    /* of GstEffnetPick, one for each record: where it is on this buffer */
  GArray *picks;     /* of GstEffnetPick, scratch */
  gboolean smooths;  /* of the view that they were collected for */
} GstEffnetAnnouncer;

void gst_effnet_announcer_init (GstEffnetAnnouncer *announcer);
void gst_effnet_announcer_clear (GstEffnetAnnouncer *announcer);
/* No class has been announced yet. */
void gst_effnet_announcer_forget (GstEffnetAnnouncer *announcer);
/* Forgets what was announced of parts that @results do not have. */
void gst_effnet_announcer_keep (GstEffnetAnnouncer *announcer, const GstEffnetResults *results);
/* Makes the records of @buffer, which hold as long as the results. Returns: how many */
guint gst_effnet_announcer_collect (GstEffnetAnnouncer *announcer, const GstEffnetView *view,
                                    GstBuffer *buffer);
/* Somebody is told of the stable classes in the collected records: they are no news any more. */
void gst_effnet_announcer_tell (GstEffnetAnnouncer *announcer, GstEffnetStates *states);
/* Returns: (transfer full): the fields of a message with all collected records, at least one */
GstStructure *gst_effnet_announcer_to_structure (const GstEffnetAnnouncer *announcer,
                                                 const GstSegment *segment, GstBuffer *buffer);
/* Adds the collected records, at least one, of @results, as metadata of each kind of @carriers. */
void gst_effnet_announcer_attach (GstEffnetAnnouncer *announcer, const GstEffnetResults *results,
                                  GstEffnetAttachMeta carriers, GstBuffer *buffer);
/* Returns: (transfer full) (nullable): a message with the collected records, @all of them or those
 * whose class is news; uses them up */
GstMessage *gst_effnet_announcer_pop_message (GstEffnetAnnouncer *announcer, GstObject *source,
                                              const GstSegment *segment, GstBuffer *buffer,
                                              gboolean all);

G_END_DECLS

#endif
