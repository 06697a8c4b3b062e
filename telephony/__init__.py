"""The PBX side: AudioSocket, AMI, audio, and the files an operator installs on an Asterisk.

Knows nothing of speech, emotion or routing. `telephony.server` lets calls in over the protocol of
`telephony.audiosocket`, `telephony.ami` talks to the manager interface, `telephony.pairing` joins the two,
`telephony.peer` is the calling side for samples and tests. `telephony.audio` is a pure leaf that any room may
import, so this file imports nothing but the errors.
"""

from telephony.errors import AmiError, ListenError, ProtocolError, ServerError, TelephonyError

__all__ = ["AmiError", "ListenError", "ProtocolError", "ServerError", "TelephonyError"]
