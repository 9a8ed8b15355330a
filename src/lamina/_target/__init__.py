"""Files that run inside other interpreters: standard library only, Python 3.8 syntax."""
