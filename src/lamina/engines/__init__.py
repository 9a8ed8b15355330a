"""Adapters to the programs and libraries that do the work."""
