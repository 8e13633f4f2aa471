"""What people do to an account's books, and how an account looks."""
