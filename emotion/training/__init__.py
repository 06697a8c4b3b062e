"""Training of the tone model: labelled audio to features, fits, honest figures, ONNX file and model card.

Nothing here is on the live path; `emotion.train` and `nabra train` drive it.
"""
