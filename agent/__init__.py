"""The program on a host: runs what the server asks for, if its own rules allow it, and loses no result.

Runs in the plain install: imports nothing but the protocol, the vocabulary, and the few plain dependencies.
"""
