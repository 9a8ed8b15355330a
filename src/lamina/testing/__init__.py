"""Tests of installed releases: what can be imported, what starts, what passes its suite."""
