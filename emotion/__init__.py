"""Caller audio in, arousal, valence and anger out, each with a confidence and a right to abstain."""
