"""The protocol: axes, components, messages and delivery, without I/O."""
