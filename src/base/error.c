/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/error.h"

/* It would take the name for a subtraction. */
/* clang-format off */
G_DEFINE_QUARK (effnet-error-quark, effnet_error)
/* clang-format on */
