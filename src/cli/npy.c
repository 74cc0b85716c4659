/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * .npy: the magic "\x93NUMPY", two version bytes, the header's length (16 bits in version 1, 32 in
 * version 2), a Python dictionary of three known keys padded to a multiple of 64, then the numbers.
 * The dictionary is parsed by a grammar of exactly those keys; anything else is refused. */
#include "cli/npy.h"

#include "cli/file.h"
#include "cli/text.h"
#include "effnet/effnet.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define MAX_HEADER 65536
#define MAX_NAME   300 /* characters */

G_GNUC_PRINTF (3, 4)
static gboolean
refuse (const Npy *npy, GError **error, const char *format, ...)
{
  g_autofree char *text = NULL, *name = cli_printable (npy->path, MAX_NAME), *line = NULL;
  va_list ap;

  va_start (ap, format);
  text = g_strdup_vprintf (format, ap);
  va_end (ap);
  line = cli_printable (text, MAX_NAME);
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FORMAT, "%s: %s", name, line);
  return FALSE;
}

static gboolean
io_error (const char *path, GError **error, const char *what)
{
  g_autofree char *name = NULL;
  int code = errno;

  name = cli_printable (path, MAX_NAME);
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO, "%s: cannot %s: %s", name, what,
               g_strerror (code));
  return FALSE;
}

static void
skip_space (const char **p)
{
  *p += strspn (*p, " \t\n");
}

static gboolean
skip_char (const char **p, char c)
{
  skip_space (p);
  if (**p != c)
    return FALSE;
  (*p)++;
  return TRUE;
}

/* A quoted Python string without escapes, into @out. */
static gboolean
parse_string (const char **p, char *out, gsize size)
{
  const char *end;
  char quote;

  skip_space (p);
  quote = **p;
  if (quote != '\'' && quote != '"')
    return FALSE;
  end = strchr (*p + 1, quote);
  if (end == NULL || (gsize)(end - *p - 1) >= size)
    return FALSE;
  memcpy (out, *p + 1, (gsize)(end - *p - 1));
  out[end - *p - 1] = '\0';
  *p = end + 1;
  return TRUE;
}

/* "(2, 224, 224, 3)", "(5,)", "()" */
static gboolean
parse_shape (Npy *npy, const char **p)
{
  if (!skip_char (p, '('))
    return FALSE;
  npy->n_dims = 0;
  while (!skip_char (p, ')')) {
    char *end;

    if (npy->n_dims == NPY_MAX_DIMS || !g_ascii_isdigit (**p))
      return FALSE;
    errno = 0;
    npy->shape[npy->n_dims++] = g_ascii_strtoull (*p, &end, 10);
    if (errno != 0)
      return FALSE;
    *p = end;
    skip_space (p);
    if (**p != ')' && !skip_char (p, ','))
      return FALSE;
    skip_space (p);
  }
  return TRUE;
}

static gboolean
parse_value (Npy *npy, const char *key, const char **p, GError **error)
{
  char text[32];

  if (strcmp (key, "descr") == 0) {
    if (!parse_string (p, text, sizeof text))
      return refuse (npy, error, "header: 'descr' is not a simple type such as '<f4'");
    if (strcmp (text, "<f4") != 0)
      return refuse (npy, error, "holds type '%s'; expected '<f4' (little-endian float32)", text);
    return TRUE;
  }
  if (strcmp (key, "fortran_order") == 0) {
    skip_space (p);
    if (g_str_has_prefix (*p, "True"))
      return refuse (npy, error, "is in Fortran order; save numpy.ascontiguousarray() of it");
    if (!g_str_has_prefix (*p, "False"))
      return refuse (npy, error, "header: 'fortran_order' is neither True nor False");
    *p += strlen ("False");
    return TRUE;
  }
  if (strcmp (key, "shape") == 0)
    return parse_shape (npy, p) ||
           refuse (npy, error, "header: 'shape' is not a tuple of at most %d sizes", NPY_MAX_DIMS);
  return refuse (npy, error, "header: unknown key '%s'", key);
}

static gboolean
parse_header (Npy *npy, const char *text, GError **error)
{
  static const char *const keys[] = {"descr", "fortran_order", "shape"};
  unsigned seen = 0;
  const char *p = text;
  char key[32];

  if (!skip_char (&p, '{'))
    return refuse (npy, error, "header is not a dictionary");
  while (!skip_char (&p, '}')) {
    unsigned bit = 0;

    if (!parse_string (&p, key, sizeof key) || !skip_char (&p, ':'))
      return refuse (npy, error, "header is not a dictionary of plain keys");
    for (unsigned i = 0; i < G_N_ELEMENTS (keys); i++)
      if (strcmp (key, keys[i]) == 0)
        bit = 1u << i;
    if (seen & bit)
      return refuse (npy, error, "header: key '%s' stands twice", key);
    seen |= bit;
    if (!parse_value (npy, key, &p, error))
      return FALSE;
    skip_space (&p);
    if (*p != '}' && !skip_char (&p, ','))
      return refuse (npy, error, "header: no comma after the value of '%s'", key);
  }
  skip_space (&p);
  if (*p != '\0')
    return refuse (npy, error, "header: text after the dictionary");
  for (unsigned i = 0; i < G_N_ELEMENTS (keys); i++)
    if (!(seen & 1u << i))
      return refuse (npy, error, "header: key '%s' is missing", keys[i]);
  return TRUE;
}

/* Magic, version and header @text; leaves the file at the first number. */
static gboolean
read_header (Npy *npy, char **text, GError **error)
{
  guint8 head[12];
  gsize length, prefix = 10;

  if (fread (head, 1, 10, npy->file) != 10 || memcmp (head, "\x93NUMPY", 6) != 0)
    return refuse (npy, error, "is not a .npy file (it does not begin with \\x93NUMPY)");
  if (head[6] != 1 && head[6] != 2)
    return refuse (npy, error, "is .npy version %u; expected 1 or 2", head[6]);
  length = head[8] | (gsize)head[9] << 8;
  if (head[6] == 2) {
    if (fread (head + 10, 1, 2, npy->file) != 2)
      return refuse (npy, error, "ends inside its header");
    length |= (gsize)head[10] << 16 | (gsize)head[11] << 24;
    prefix = 12;
  }
  if (length > MAX_HEADER)
    return refuse (npy, error, "claims a header of %" G_GSIZE_FORMAT " bytes; at most %d are read",
                   length, MAX_HEADER);
  *text = g_try_malloc0 (length + 1);
  if (*text == NULL)
    return refuse (
        npy, error,
        "has a header of %" G_GSIZE_FORMAT " bytes, and the system gives no memory for it", length);
  if (fread (*text, 1, length, npy->file) != length || strlen (*text) != length)
    return refuse (npy, error,
                   "ends inside its header, or the header holds a zero byte (offset %zu)",
                   prefix + strlen (*text));
  return TRUE;
}

static gboolean
check_length (Npy *npy, GError **error)
{
  guint64 bytes = sizeof (float);
  gint64 start = ftello (npy->file), end;

  for (unsigned i = 0; i < npy->n_dims; i++)
    if (!g_uint64_checked_mul (&bytes, bytes, npy->shape[i]))
      return refuse (npy, error, "the shape's product overflows 64 bits");
  if (start < 0 || fseeko (npy->file, 0, SEEK_END) != 0 || (end = ftello (npy->file)) < 0 ||
      fseeko (npy->file, start, SEEK_SET) != 0)
    return io_error (npy->path, error, "seek");
  if ((guint64)(end - start) != bytes)
    return refuse (npy, error,
                   "has %" G_GINT64_FORMAT
                   " bytes of numbers; its shape asks for %" G_GUINT64_FORMAT,
                   end - start, bytes);
  return TRUE;
}

Npy *
npy_open (const char *path, GError **error)
{
  g_autoptr (Npy) npy = g_new0 (Npy, 1);
  g_autofree char *text = NULL;

  int fd = file_open (path, error);

  if (fd < 0) {
    g_prefix_error (error, "%s: ", path);
    return NULL;
  }
  npy->path = g_strdup (path);
  npy->file = fdopen (fd, "rb");
  if (npy->file == NULL) {
    io_error (path, error, "open");
    close (fd);
    return NULL;
  }
  if (!read_header (npy, &text, error) || !parse_header (npy, text, error) ||
      !check_length (npy, error))
    return NULL;
  return g_steal_pointer (&npy);
}

#define NPY_HEAD                                                                                   \
  128 /* bytes before the numbers, whatever the number of rows; more of long shapes */

/* Magic and header as numpy.save() writes them, padded. */
static gboolean
write_header (const Npy *npy, GError **error)
{
  g_autoptr (GString) header = g_string_new ("{'descr': '<f4', 'fortran_order': False, 'shape': (");
  guint8 prefix[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, 0, 0};

  for (unsigned i = 0; i < npy->n_dims; i++)
    g_string_append_printf (header, "%s%" G_GUINT64_FORMAT, i > 0 ? ", " : "", npy->shape[i]);
  g_string_append (header, npy->n_dims == 1 ? ",), }" : "), }");
  while (header->len + sizeof prefix + 1 < NPY_HEAD || (header->len + sizeof prefix + 1) % 64 != 0)
    g_string_append_c (header, ' ');
  g_string_append_c (header, '\n');
  prefix[8] = (guint8)(header->len & 0xff);
  prefix[9] = (guint8)(header->len >> 8);
  return out_write (npy->out, prefix, sizeof prefix, error) &&
         out_write (npy->out, header->str, header->len, error);
}

Npy *
npy_create (const char *path, const guint64 *shape, unsigned n_dims, GError **error)
{
  g_autoptr (Npy) npy = g_new0 (Npy, 1);

  g_assert (n_dims <= 4);
  npy->path = g_strdup (path);
  npy->n_dims = n_dims;
  memcpy (npy->shape, shape, n_dims * sizeof *shape);
  npy->out = out_create (path, error);
  return npy->out != NULL && write_header (npy, error) ? g_steal_pointer (&npy) : NULL;
}

gboolean
npy_set_rows (Npy *npy, guint64 rows, GError **error)
{
  npy->shape[0] = rows;
  return (fseeko (npy->out->file, 0, SEEK_SET) == 0 || io_error (npy->path, error, "seek")) &&
         write_header (npy, error);
}

/* Between the file's little-endian order and the host's, in place. */
static void
swap_if_big_endian (float *values, gsize n)
{
  for (gsize i = 0; G_BYTE_ORDER == G_BIG_ENDIAN && i < n; i++) {
    guint32 bits;
    memcpy (&bits, values + i, sizeof bits);
    bits = GUINT32_SWAP_LE_BE (bits);
    memcpy (values + i, &bits, sizeof bits);
  }
}

gboolean
npy_read (Npy *npy, float *values, gsize n, GError **error)
{
  if (fread (values, sizeof (float), n, npy->file) != n)
    return ferror (npy->file) ? io_error (npy->path, error, "read")
                              : refuse (npy, error, "became shorter while it was read");
  swap_if_big_endian (values, n);
  return TRUE;
}

gboolean
npy_write (Npy *npy, const float *values, gsize n, GError **error)
{
  g_autofree float *copy = NULL;

  if (G_BYTE_ORDER == G_BIG_ENDIAN) {
    copy = g_memdup2 (values, n * sizeof (float));
    swap_if_big_endian (copy, n);
    values = copy;
  }
  return out_write (npy->out, values, n * sizeof (float), error);
}

gboolean
npy_close (Npy *npy, GError **error)
{
  gboolean ok = npy->out == NULL || out_commit (g_steal_pointer (&npy->out), error);

  npy_discard (npy);
  return ok;
}

void
npy_discard (Npy *npy)
{
  if (npy == NULL)
    return;
  if (npy->file != NULL)
    fclose (npy->file);
  out_discard (npy->out);
  g_free (npy->path);
  g_free (npy);
}
