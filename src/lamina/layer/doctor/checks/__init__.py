"""One kind of finding a file; nothing in here changes anything."""
