"""From a lock to an immutable release under a root."""
