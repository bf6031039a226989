"""What the gateway may ask, and the shapes of the answers: one module per owner.

The resource models here are also the bodies of the HTTP API, so a field has one name from the database's edge to the
client.
"""
