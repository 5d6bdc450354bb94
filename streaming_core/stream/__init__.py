"""Where protocol, memory and network meet: publisher and receiver."""
