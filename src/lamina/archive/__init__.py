"""Conda archives: written so that the same content is the same bytes, read with every check."""
