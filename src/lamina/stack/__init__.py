"""The stack document, lamina.toml: model, loading, editing."""
