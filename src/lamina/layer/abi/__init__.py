"""What compiled modules of base and layer need of numpy, of other packages and of the machine."""
