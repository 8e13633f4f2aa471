"""The tenant's page: who may open it, and the page itself."""
