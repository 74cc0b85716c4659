/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/error.h"

/* clang-format off: it takes the name for a subtraction */
G_DEFINE_QUARK (effnet-error-quark, effnet_error)
/* clang-format on */
