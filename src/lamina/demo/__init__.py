"""The demonstration: the main job from an example stack to a plot."""
