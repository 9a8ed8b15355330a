"""Errors, processes, files and progress: what every room stands on."""
