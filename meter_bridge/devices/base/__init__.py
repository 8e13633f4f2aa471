"""What every meter family is made of."""
