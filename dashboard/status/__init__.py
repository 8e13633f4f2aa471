"""How each unit stands: its credit, its forecast, its price now, and what needs attention."""
