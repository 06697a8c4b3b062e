"""Every exception that leaves a public function of this room.

    TelephonyError
    ├── ProtocolError             AudioSocket bytes or calls out of order
    │   ├── LocalProtocolError    we did something that the protocol forbids: a bug on our side
    │   └── RemoteProtocolError   the peer did: its connection is over
    ├── ServerError               the AudioSocket server cannot do what it was asked
    │   └── ListenError           it cannot listen on the configured address
    ├── PeerConnectError          the calling side could not open or finish its AudioSocket connection
    ├── AmiError                  Asterisk manager interface
    │   ├── AmiDown               no logged-in connection
    │   ├── AmiRefused            the PBX answered with an error
    │   ├── AmiTimeout            the PBX did not answer in time
    │   ├── AmiPacketError        what came is not the manager interface, or beyond our limits
    │   └── AmiValueError         we were asked to send a value that would break out of its line
    └── PbxFilesError             the files for the PBX cannot be written

`telephony.audio` is a leaf that other rooms import, so its root is its own: `telephony.audio.AudioError`.
"""


class TelephonyError(Exception):
    """Root of everything that this room raises on purpose."""


class ProtocolError(TelephonyError):
    """AudioSocket was not spoken as it should be."""


class LocalProtocolError(ProtocolError):
    """This side asked for something that the protocol does not allow."""


class RemoteProtocolError(ProtocolError):
    """The other side sent something that the protocol, or one of our security limits, does not allow."""


class ServerError(TelephonyError):
    """The AudioSocket server cannot do what it was asked."""


class ListenError(ServerError):
    """The server cannot listen on the address it was given."""


class PeerConnectError(TelephonyError):
    """The calling side of an AudioSocket connection could not be opened, or broke."""


class AmiError(TelephonyError):
    """The Asterisk manager interface failed."""


class AmiDown(AmiError):
    """There is no logged-in connection to the manager interface."""


class AmiRefused(AmiError):
    """The PBX answered an action with an error."""


class AmiTimeout(AmiError):
    """The PBX did not answer an action in time."""


class AmiPacketError(AmiError):
    """The peer sent something that is not the manager interface, or beyond our limits."""


class AmiValueError(AmiError, ValueError):
    """We were asked to send a name or value that would break out of its line; nothing was sent."""


class PbxFilesError(TelephonyError):
    """The files for the PBX cannot be written."""
