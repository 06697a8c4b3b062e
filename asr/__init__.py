"""Caller audio in, text events out: engines behind one interface, voice activity, endpoints, workers."""
