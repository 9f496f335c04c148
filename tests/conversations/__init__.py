"""Conversations of customers, on both channels and in both languages."""
