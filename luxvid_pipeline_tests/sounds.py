"""Scores to ask for and sounds to measure, made on the spot with known truth."""

from collections.abc import Sequence

import numpy as np

from luxvid_pipeline.domain.ports import ScoreRequest
from luxvid_pipeline.domain.scenes import SCENE_KEYS
from luxvid_pipeline.domain.storyboard import Shot
from luxvid_pipeline.media.audio import SAMPLE_RATE_HZ, Sound


def score_request(
    listing: str = "villa-aurora",
    style: str = "cinematic-ambient",
    stage_seconds: Sequence[float] = (4.0,) * 7,
    scenes: Sequence[str] = SCENE_KEYS,
) -> ScoreRequest:
    """A score for the first scenes, one stage each."""
    shots = tuple(
        Shot(scene=key, subject="it", camera="still", prompt="p", negative_prompt="n", score_prompt="s", seconds=4)
        for key in scenes[: len(stage_seconds)]
    )
    return ScoreRequest(listing=listing, style=style, shots=shots, stage_seconds=tuple(stage_seconds))


def tone(hz: float, seconds: float, level_db: float = 0.0, *, phase: float = 0.0) -> Sound:
    """A sine on both channels; ``level_db`` is its peak in dB of full scale."""
    time_s = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    wave = 10 ** (level_db / 20) * np.sin(2 * np.pi * hz * time_s + phase)
    return np.stack([wave, wave], axis=1).astype(np.float32)


def silence(seconds: float) -> Sound:
    """Nothing, on both channels."""
    return np.zeros((round(seconds * SAMPLE_RATE_HZ), 2), dtype=np.float32)


def pluckings(seconds: float, seed: int = 1) -> Sound:
    """Something with the dynamics of music: decaying tones of random pitch, twice a second."""
    lots = np.random.default_rng(seed)
    sound = silence(seconds)
    for start in range(0, len(sound), SAMPLE_RATE_HZ // 2):
        note = tone(float(lots.uniform(150, 1500)), 1.5, float(lots.uniform(-18, -8)))
        note *= np.exp(-np.arange(len(note)) / (0.3 * SAMPLE_RATE_HZ))[:, None].astype(np.float32)
        sound[start : start + len(note)] += note[: len(sound) - start]
    return sound
