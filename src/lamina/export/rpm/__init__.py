"""Releases as RPMs: one a package and a metapackage, or one for all."""
