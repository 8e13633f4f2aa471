"""What changes something: requested from the bridge with the person's own token, after confirmation."""
