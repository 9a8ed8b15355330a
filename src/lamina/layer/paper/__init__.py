"""The paper lock: one document from which a layer is made again, years later and elsewhere."""
