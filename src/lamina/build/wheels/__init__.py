"""Wheels from sources: what a stack says to build, in the order of what needs what."""
