"""HTTP itself: endpoints, authentication, decoding, errors and the listener."""
