"""lamina: define, lock, publish and layer an experiment's Python."""
