"""The lock document, lamina.lock: model, reading, canonical writing."""
