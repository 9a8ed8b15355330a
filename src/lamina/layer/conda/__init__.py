"""Conda packages in a layer: only what the base does not have, in a prefix of the layer's own."""
