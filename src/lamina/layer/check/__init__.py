"""Whether a layer still is what lamina made of it, and works over its base."""
