"""Container images: written, read, sent and brought, as the Open Container Initiative has them."""
