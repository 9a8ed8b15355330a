"""Importing what a change could break, in the layer as it would be, before it is."""
