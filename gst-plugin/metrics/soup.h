/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * libsoup 3, loaded when an endpoint opens and not with the plugin: where libsoup 2 is in the
 * process already, as under an older WebKit, the two would abort it. */
#ifndef GST_EFFNET_METRICS_SOUP_H
#define GST_EFFNET_METRICS_SOUP_H

#include <libsoup/soup.h>

G_BEGIN_DECLS

/* The functions that are used, without "soup_". */
#define GST_EFFNET_SOUP_FUNCTIONS(F)                                                               \
  F (header_free_list)                                                                             \
  F (header_parse_quality_list)                                                                    \
  F (message_body_append_bytes)                                                                    \
  F (message_body_set_accumulate)                                                                  \
  F (message_headers_get_content_length)                                                           \
  F (message_headers_get_encoding)                                                                 \
  F (message_headers_get_list)                                                                     \
  F (message_headers_replace)                                                                      \
  F (server_accept_iostream)                                                                       \
  F (server_add_early_handler)                                                                     \
  F (server_add_handler)                                                                           \
  F (server_disconnect)                                                                            \
  F (server_message_get_method)                                                                    \
  F (server_message_get_remote_address)                                                            \
  F (server_message_get_request_body)                                                              \
  F (server_message_get_request_headers)                                                           \
  F (server_message_get_response_body)                                                             \
  F (server_message_get_response_headers)                                                          \
  F (server_message_get_uri)                                                                       \
  F (server_message_set_status)                                                                    \
  F (server_new)

typedef struct {
#define GST_EFFNET_SOUP_MEMBER(name) __typeof__ (soup_##name) *name;
  GST_EFFNET_SOUP_FUNCTIONS (GST_EFFNET_SOUP_MEMBER)
} GstEffnetSoup;

/* Not in two threads at a time. Returns: (transfer none) (nullable): NULL with
 * G_IO_ERROR_NOT_SUPPORTED */
const GstEffnetSoup *gst_effnet_soup_load (GError **error);

G_END_DECLS

#endif
