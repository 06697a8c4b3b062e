"""Trained models, shipped as package data with their cards and figures; no code."""
