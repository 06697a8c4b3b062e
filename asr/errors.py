"""Everything that the public functions of ``asr`` raise on bad input.

::

    AsrError
    ├── EngineError                an engine cannot be made, loaded or used
    │   ├── ModelMissing           no model for this language, or its directory does not exist
    │   ├── ModelInvalid           a directory that is not a model, or that native code could not read
    │   ├── GrammarInvalid         a grammar that would bring native code down
    │   └── SessionClosed          a session used after close(), or by a second thread
    ├── AudioInvalid               samples of another type, shape or rate than int16, mono, the stated rate
    ├── SettingsInvalid            a setting outside its range
    └── WorkerError                a recogniser process
        ├── WireError              bytes that are not a message of this version
        ├── WorkerStartFailed      no recogniser process came up warm in time
        └── PoolClosed             the pool was used before start() or after stop()
"""


class AsrError(Exception):
    """Root of every error that speech recognition raises."""


class EngineError(AsrError):
    """An engine cannot be made, loaded or used."""


class ModelMissing(EngineError):
    """There is no model for this language, or its directory does not exist."""


class ModelInvalid(EngineError):
    """The directory is not a model, or native code could not read it."""


class GrammarInvalid(EngineError):
    """The grammar would bring native code down."""


class SessionClosed(EngineError):
    """A session was used after ``close()``, or by a second thread."""


class AudioInvalid(AsrError):
    """Samples are of another type, shape or rate than stated."""


class SettingsInvalid(AsrError):
    """A setting is outside its range."""


class WorkerError(AsrError):
    """A recogniser process failed."""


class WireError(WorkerError):
    """Bytes are not a message of this version."""


class WorkerStartFailed(WorkerError):
    """No recogniser process came up warm in time."""


class PoolClosed(WorkerError):
    """The pool was used before ``start()`` or after ``stop()``."""
