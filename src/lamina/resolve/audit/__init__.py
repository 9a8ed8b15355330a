"""Known vulnerabilities: what a database of advisories says of the packages of a lock."""
