"""The forms in which a lock leaves: lists that other tools install from."""
