"""What changes something: asked of the bridge with the person's own token, after the person confirmed it."""
