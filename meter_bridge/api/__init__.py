"""The bridge's HTTP and WebSocket interface."""
