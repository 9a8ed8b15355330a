"""Wheels made into conda packages, and conda packages made into wheels."""
