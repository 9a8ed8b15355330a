"""A user's own environment over a read-only base."""
