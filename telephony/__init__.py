"""The PBX side: AudioSocket, AMI, audio, and the files an operator installs on an Asterisk.

Knows nothing of speech, emotion or routing. `telephony.audio` is a pure leaf that any room may import.
"""
