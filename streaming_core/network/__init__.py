"""Addresses, keys and sockets."""
