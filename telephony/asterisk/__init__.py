"""Templates of the files that an operator installs on an Asterisk; `telephony.pbx_files` fills them in.

Words between @ signs are replaced. What is left is dialplan that runs as it stands.
"""
