"""Value types: names, versions, platforms, artifacts, references."""
