"""Payments: vouchers, payment providers and their webhooks, receipts, and what is missing on either side."""
