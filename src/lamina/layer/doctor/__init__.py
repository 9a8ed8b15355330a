"""The doctor: what is wrong with an environment, why it bites, and how it is mended."""
