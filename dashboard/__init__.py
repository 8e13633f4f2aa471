"""The landlord's dashboard: reads what the bridge wrote, changes nothing."""
