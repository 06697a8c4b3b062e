"""onnxruntime as this project uses it: one thread, no spinning, no telemetry of its own on standard error."""

from pathlib import Path
from typing import Any


def one_thread_session(model: Path | bytes) -> Any:
    """Open a model for one-threaded inference on the CPU.

    Parameters
    ----------
    model : Path or bytes
        An .onnx or .ort file, or what is in one.

    Returns
    -------
    onnxruntime.InferenceSession
        Many calls share a machine: a second thread per call would only spin beside the first.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.log_severity_level = 4
    source = str(model) if isinstance(model, Path) else model
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
