# SPDX-License-Identifier: LGPL-2.1-or-later
"""Readers of checkpoints, one module for each format. None needs the framework that wrote the file, and
none runs anything of it. A reader takes an opened File and returns a Source (source.py)."""
