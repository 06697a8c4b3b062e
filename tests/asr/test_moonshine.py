"""The embedded recogniser's own parts: its rebuilt networks, guesses that save time, words and their confidence."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest

from asr.confidence import FEATURES, Calibration, features
from asr.engine import MAX_SEGMENT_S, EngineSession
from asr.errors import ModelInvalid, ModelMissing
from asr.moonshine_engine import (
    RATE_HZ,
    MoonshineEngine,
    Networks,
    Spoken,
    best_model,
    embedded_model,
    hypothesis,
    padded,
    read_tokens,
)
from asr.moonshine_graph import build, frames_of
from telephony.audio import resample
from tests.asr.speech import embedded_speech

Floats = npt.NDArray[np.float32]


@pytest.fixture(scope="module", params=sorted({embedded_model(), best_model()}), ids=lambda path: path.name)
def model(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.fixture(scope="module")
def networks(model: Path) -> Networks:
    return Networks(model)


@pytest.fixture
def session(model: Path, networks: Networks) -> Iterator[EngineSession]:
    engine = MoonshineEngine(model)
    engine._networks = networks
    made = engine.session()
    yield made
    made.close()


@pytest.fixture(scope="module")
def reading() -> Floats:
    return padded(embedded_speech(RATE_HZ, 0.0, 5.0), 0.25)


def _published(path: Path, audio: Floats) -> tuple[Floats, Floats]:
    """Run the published networks: (scores of the first token, keys of the first layer)."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    encoder, decoder = (
        onnxruntime.InferenceSession(str(path / f"{name}.ort"), options, providers=["CPUExecutionProvider"])
        for name in ("encoder_model", "decoder_model_merged")
    )
    mask = np.ones((1, audio.size), np.int64)
    names = {i.name for i in encoder.get_inputs()}
    feed = {"input_values": audio[None], "attention_mask": mask}
    hidden = encoder.run(None, {name: feed[name] for name in names})[0]
    inputs = {i.name: i for i in decoder.get_inputs()}
    step = {name: np.zeros((1, i.shape[1], 0, i.shape[3]), np.float32) for name, i in inputs.items() if "past" in name}
    step |= {"encoder_hidden_states": hidden, "use_cache_branch": np.array([False]), "input_ids": np.array([[1]])}
    if "encoder_attention_mask" in inputs:
        step["encoder_attention_mask"] = mask
    logits, keys = decoder.run(["logits", "present.0.encoder.key"], step)
    return logits[0, -1], keys


def _likeness(one: Floats, other: Floats) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def test_rebuilt_networks_compute_what_the_published_ones_do(model: Path, reading: Floats) -> None:
    graphs = build(model)
    encoder, decoder = (onnxruntime.InferenceSession(g) for g in (graphs.encoder, graphs.decoder))
    names = [output.name for output in encoder.get_outputs()]
    heard = encoder.run(names, {"audio": reading[None], "positions": np.arange(frames_of(reading.size))[None]})
    feed = dict(zip(names, heard, strict=True))
    for layer in range(graphs.layers):
        for part in ("key", "value"):
            feed[f"past.{layer}.{part}"] = np.zeros((1, graphs.heads, 0, graphs.head), np.float32)
    start = graphs.embedding[[1]].astype(np.float32) * graphs.scale + graphs.offset
    feed |= {"embedded": start[None].astype(np.float32), "positions": np.array([[0]])}
    ours = decoder.run(["logits"], feed)[0][0, -1]
    logits, keys = _published(model, reading)
    assert feed["key.0"].shape == keys.shape
    assert _likeness(feed["key.0"], keys) > 0.99
    assert _likeness(ours, logits) > 0.99
    assert ours.argmax() == logits.argmax()


@pytest.mark.parametrize("samples", [8000, 8063, 8064, 16_000, 16_383, 100_000])
def test_frames_are_counted_as_the_encoder_makes_them(networks: Networks, samples: int) -> None:
    heard = networks._encoder.run(
        ["key.0"], {"audio": np.zeros((1, samples), np.float32), "positions": np.arange(frames_of(samples))[None]}
    )
    assert heard[0].shape[2] == frames_of(samples)


def test_a_guess_right_or_wrong_changes_no_word_and_a_right_one_saves_runs(
    networks: Networks, reading: Floats, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = []

    class Counted:
        def __init__(self, inner: onnxruntime.InferenceSession) -> None:
            self._inner = inner

        def run(self, names: list[str], feed: dict[str, object]) -> list[Floats]:
            runs.append(names)
            found: list[Floats] = self._inner.run(names, feed)
            return found

    monkeypatch.setattr(networks, "_decoder", Counted(networks._decoder))
    plain = networks.listen(reading)
    one_by_one = len(runs)
    assert one_by_one == len(plain.tokens) + 1
    half = len(plain.tokens) // 2
    wrong = [*plain.tokens[:half], 4000, *plain.tokens[half + 1 :]]
    for guess, most in ((plain.tokens, one_by_one // 2), (wrong, one_by_one // 2), ((4000,) * 50, one_by_one + 1)):
        runs.clear()
        assert _letters(networks.listen(reading, guess)) == _letters(plain)
        assert len(runs) <= most


def _letters(spoken: Spoken) -> list[str]:
    """Words without the marks around them: rows that are computed together are rounded together, and a mark is a close
    thing.
    """
    return [word.strip(".,;:!?").lower() for word, _ in spoken.words]


def test_words_carry_their_tokens(networks: Networks, reading: Floats) -> None:
    spoken = networks.listen(reading)
    assert spoken.words[0][0] == "It"
    assert all(score <= 0 for _, scores in spoken.words for score in scores)
    # Commas and full stops are tokens of their own and say nothing of the word before them.
    assert sum(len(scores) for _, scores in spoken.words) < len(spoken.tokens)
    assert len(spoken.scores) == len(spoken.tokens)


def test_text_is_its_words(session: EngineSession) -> None:
    session.feed(embedded_speech(RATE_HZ, 0.0, 5.0))
    found = session.final()
    assert found.text == " ".join(word.text for word in found.words)
    assert all(word.confidence is not None and 0 < word.confidence < 1 for word in found.words)
    chances = [word.confidence for word in found.words if word.confidence is not None]
    assert found.confidence == pytest.approx(np.mean(chances))


def test_silence_and_noise_bring_no_words(session: EngineSession, model: Path) -> None:
    if model == embedded_model():
        pytest.skip("the tiny model says `You` to noise: only voice activity keeps it from hearing any")
    for seconds in (0.4, 1.0, 4.0):
        for level in (0, 30, 3000):
            session.reset()
            wave = np.random.default_rng(level).standard_normal(int(seconds * RATE_HZ)) * level
            session.feed(wave.astype(np.int16))
            assert session.final().text == ""


def test_where_it_doubts_that_anybody_speaks_it_listens_again_without_silence_around(
    networks: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    speech = embedded_speech(RATE_HZ, 0.0, 1.5)
    heard = replace(networks.transcribe(speech), nobody=0.5)
    tried: list[tuple[int, float]] = []

    def listen(audio: Floats, guess: object, nobody_from: float) -> Spoken:
        tried.append((audio.size, nobody_from))
        return replace(heard, words=(), tokens=(), scores=(), nobody=0.4) if len(tried) == 1 else heard

    monkeypatch.setattr(networks, "listen", listen)
    assert networks.transcribe(speech) is heard
    assert tried == [(speech.size + RATE_HZ // 2, 0.2), (speech.size, math.inf)]


def test_a_sentence_is_believed_where_the_decoder_would_rather_begin_with_the_end(networks: Networks) -> None:
    for start_s, seconds in ((20.25, 8.8), (20.5, 5.0), (20.5, 8.8)):
        line = resample(embedded_speech(8000, start_s, start_s + seconds), 8000, RATE_HZ)
        assert len(networks.transcribe(line).words) >= 10


def test_words_or_nobody_as_the_limit_says(networks: Networks, reading: Floats) -> None:
    found = networks.listen(reading)
    assert 0 <= found.nobody < 0.7
    assert networks.listen(reading, nobody_from=0.0).words == ()
    assert networks.listen(np.zeros(8000, np.float32), nobody_from=1.1).tokens != ()


def test_the_same_audio_is_decoded_once(session: EngineSession) -> None:
    session.feed(embedded_speech(RATE_HZ, 0.0, 2.0))
    first = session.final()
    assert session.final() is first
    session.feed(embedded_speech(RATE_HZ, 2.0, 4.0))
    assert len(session.final().words) > len(first.words)


def test_a_session_keeps_no_more_room_than_a_short_call_needs(session: EngineSession) -> None:
    session.feed(np.zeros(RATE_HZ, np.int16))
    room = session._room  # type: ignore[attr-defined]
    assert room.nbytes < 200_000
    session.feed(np.zeros(RATE_HZ * 60, np.int16))
    assert session._size == MAX_SEGMENT_S * RATE_HZ  # type: ignore[attr-defined]
    session.reset()
    assert session._room.nbytes == 0  # type: ignore[attr-defined]


def test_a_model_without_a_map_has_no_confidence(networks: Networks, reading: Floats) -> None:
    found = hypothesis(networks.listen(reading), None)
    assert found.text
    assert found.confidence is None
    assert {word.confidence for word in found.words} == {None}


def test_a_surer_word_is_likelier_right() -> None:
    weight = tuple(1.0 if name == "least score of the word" else 0.0 for name in FEATURES)
    calibration = Calibration((0.0,) * len(FEATURES), (1.0,) * len(FEATURES), weight, 2.0)
    sure, unsure, mark = calibration.chances([("bill", (-0.1,)), ("till", (-0.2, -3.0)), ("-", ())], 1.0)
    assert 0.01 <= unsure < sure < mark <= 0.99


def test_features_are_finite_whatever_the_scores() -> None:
    found = features([("a", ()), ("b", (-1e9,)), ("", (0.0, -0.0))], 0.0)
    assert found.shape == (3, len(FEATURES))
    assert np.isfinite(found).all()


def test_refuses_what_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="no encoder_model"):
        MoonshineEngine(tmp_path)
    for name in ("encoder_model.ort", "decoder_model_merged.ort", "tokenizer.bin.old"):
        (tmp_path / name).write_bytes(b"\x03abc")
    with pytest.raises(ModelMissing, match=r"no tokenizer\.bin"):
        MoonshineEngine(tmp_path)
    (tmp_path / "tokenizer.bin.old").rename(tmp_path / "tokenizer.bin")
    with pytest.raises(ModelInvalid, match="cannot read"):
        MoonshineEngine(tmp_path).load()


def test_the_id_of_a_model_is_that_of_the_file_that_is_read(model: Path, tmp_path: Path) -> None:
    copy = tmp_path / model.name
    copy.mkdir()
    for part in model.iterdir():
        (copy / part.name).symlink_to(part)
    (copy / "encoder_model.onnx").write_bytes(b"not read: there is an .ort")
    assert MoonshineEngine(copy).facts == MoonshineEngine(model).facts


def test_a_vocabulary_is_read_whole() -> None:
    assert read_tokens(b"\x01a\x02bc") == [b"a", b"bc"]
    assert read_tokens(bytes([128 + 2, 1]) + b"x" * 130) == [b"x" * 130]
    with pytest.raises(ModelInvalid):
        read_tokens(b"\x05abc")
