"""Channels: directories of conda packages that are made, indexed, patched and checked."""
