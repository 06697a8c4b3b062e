"""Our own prompt back from the line is silence; a caller over it is not."""

import numpy as np
import pytest

import config
from asr.echo import EchoGate
from asr.engine import Samples
from asr.errors import AudioInvalid
from asr.events import SpeechEvent, SpeechStarted
from asr.listener import Listener, ListenerSettings
from telephony.audio import mulaw_decode, mulaw_encode, read_audio
from tests.asr.speech import embedded_speech, noise, silence, trimmed
from tests.asr.test_listener import HandDecoder

PROMPTS = {
    f"{name}.{language}": read_audio(path)
    for name, paths in (("notice", config.load().notice.prompts), ("ask", config.load().notice.ask))
    for language, path in paths.items()
}


def returned(prompt: Samples, loss_db: float, delay_ms: int) -> Samples:
    """What a line gives back: later, quieter, smeared over a millisecond, through mu-law twice, with a little noise."""
    rng = np.random.default_rng(delay_ms)
    smear = np.array([0.1, 0.7, 1.0, 0.5, -0.3, -0.2, 0.1, 0.05])
    smear /= np.sqrt(np.sum(smear**2))
    out = np.zeros(prompt.size + 8000)
    echo = np.convolve(mulaw_decode(mulaw_encode(prompt)), smear) * 10 ** (loss_db / 20)
    at = delay_ms * 8
    out[at : at + echo.size] = echo[: out.size - at]
    return on_line(out + rng.standard_normal(out.size) * 15)


def on_line(wave: np.ndarray) -> Samples:
    return mulaw_decode(mulaw_encode(np.clip(np.rint(wave), -32768, 32767).astype(np.int16)))


def starts(pcm: Samples, gate: EchoGate | None) -> list[float]:
    heard: list[SpeechEvent] = []
    listener = Listener(HandDecoder(), ListenerSettings(), heard.append)
    for at in range(0, pcm.size, 160):
        frame = pcm[at : at + 160]
        listener.push(frame if gate is None else gate.clean(frame, at))
    return [event.at_s for event in heard if isinstance(event, SpeechStarted)]


@pytest.mark.parametrize("loss_db", [-10, -20, -30, -40])
@pytest.mark.parametrize("delay_ms", [20, 120, 300])
@pytest.mark.parametrize("name", sorted(PROMPTS))
def test_the_prompt_that_comes_back_starts_no_speech(name: str, delay_ms: int, loss_db: float) -> None:
    echo = returned(PROMPTS[name], loss_db, delay_ms)
    assert starts(echo, EchoGate(PROMPTS[name])) == []
    if loss_db == -10:
        assert starts(echo, None), "without the gate it does"


@pytest.mark.parametrize("loss_db", [-10, -20, -40])
@pytest.mark.parametrize("delay_ms", [20, 300])
def test_a_caller_over_the_question_is_heard_when_he_begins(delay_ms: int, loss_db: float) -> None:
    prompt = PROMPTS["ask.en"]
    echo = returned(prompt, loss_db, delay_ms).astype(np.float64)
    said = trimmed(embedded_speech(8000, 0.0, 3.2))[: echo.size - 8000]
    caller = np.zeros(echo.size)
    caller[8000 : 8000 + said.size] = said
    alone = starts(on_line(caller), None)
    over = starts(on_line(caller + echo), EchoGate(prompt))
    assert over
    assert abs(over[0] - alone[0]) < 0.2


def test_what_is_not_the_prompt_goes_through_untouched() -> None:
    said = embedded_speech(8000, 0.0, 2.0)
    gate = EchoGate(silence(3))
    assert np.array_equal(gate.clean(said, 0), said)
    assert gate.clean(said[:0], said.size).size == 0
    assert np.array_equal(EchoGate(said).clean(silence(1), 0), silence(1))


def test_long_after_the_prompt_and_before_it_nothing_happens() -> None:
    said = embedded_speech(8000, 0.0, 1.0)
    assert np.array_equal(EchoGate(PROMPTS["ask.en"]).clean(said, 10_000_000), said)


def test_other_samples_are_refused() -> None:
    with pytest.raises(AudioInvalid):
        EchoGate(silence(1)).clean(np.zeros(160), 0)  # type: ignore[arg-type]


def test_a_filter_is_fitted_and_a_stretch_looked_for_only_where_they_must_be() -> None:
    prompt = PROMPTS["ask.en"]
    blocks = prompt.size // 160

    def after(pcm: Samples) -> EchoGate:
        gate = EchoGate(prompt)
        for at in range(0, prompt.size - 159, 160):
            gate.clean(pcm[at : at + 160], at)
        return gate

    alone = after(returned(prompt, -20, 120))
    assert 0 < alone.searched <= alone.fitted <= 0.2 * blocks
    quiet, loud = after(noise(prompt.size / 8000, -65)), after(noise(prompt.size / 8000, -40))
    assert (quiet.searched, quiet.fitted, loud.fitted) == (0, 0, 0)
    assert 0 < loud.searched <= blocks // 3 + 1
