"""What is printed: layouts for Typst, and the texts and figures that stand on them."""
