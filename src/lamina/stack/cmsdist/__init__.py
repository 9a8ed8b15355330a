"""Stacks written down as CMS does it: https://github.com/cms-sw/cmsdist, its directory pip/."""
