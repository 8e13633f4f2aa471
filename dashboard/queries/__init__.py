"""One file per question; every query takes the viewer whose units it may show."""
