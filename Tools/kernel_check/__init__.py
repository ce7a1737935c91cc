"""What `Tools/kernel-check` is made of: it asks the machine's own kernel what a packet meets."""
