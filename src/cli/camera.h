/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where the kernel's cameras sit. A camera that is plugged in again gets another number when some
 * program, or an element that failed, has not closed it. */
#ifndef EFFNET_CLI_CAMERA_H
#define EFFNET_CLI_CAMERA_H

#include <glib.h>

/* The place of the camera @node ("/dev/video0", or a link to it): the folder of its bus and port in
 * sysfs, its index among the nodes of that camera, and its name. NULL: no such camera. To be freed.
 */
char *camera_place (const char *node);
/* The node of the camera that sits at @place now, or NULL. To be freed. */
char *camera_at (const char *place);

#endif
