"""Who looks at the dashboard: sign-in with a bridge's token or through OpenID Connect."""
