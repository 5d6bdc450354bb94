"""What every part shares: protocol, shared memory, sockets, viewer processes, client."""
