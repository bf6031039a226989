"""The four services; each runs in any number of copies."""
