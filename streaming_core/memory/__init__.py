"""What the operating system holds for us: private files, leases and shared memory."""
