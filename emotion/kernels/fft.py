"""A real Fourier transform of 512 points.

The 512 real samples are taken as 256 complex ones, transformed by four radix-4 passes that sort as they go
(Stockham; see Van Loan, "Computational Frameworks for the Fast Fourier Transform", 1992), and split into the
257 bins of the real signal. Real and imaginary parts lie in separate arrays, so that the inner loops run
over neighbours. Each pass is compiled for its own length and stride: with loops of known lengths the
transform takes half the time.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import float64, void

from emotion.tables import SPLIT_IM, SPLIT_RE, TWIDDLE_IM, TWIDDLE_RE

POINTS = 256


def radix4_pass(length: int, stride: int) -> Any:
    """Compile one Stockham pass: butterflies of four over `stride` interleaved sequences of `length` points.

    The kernel takes `in_re`, `in_im`, `out_re` and `out_im`, 256 values each. It is not cached by itself: the
    passes would share one index of the cache, which two processes that compile at the same time fill with each
    other's files, and load the pass of another length ever after. `real_fft`, which is cached, holds all four.
    """
    quarter = length // 4
    jump = stride * quarter
    turns = np.arange(quarter) * (POINTS // length)
    w1_re, w2_re, w3_re = (np.ascontiguousarray(TWIDDLE_RE[k * turns]) for k in (1, 2, 3))
    w1_im, w2_im, w3_im = (np.ascontiguousarray(TWIDDLE_IM[k * turns]) for k in (1, 2, 3))

    @numba.njit(nogil=True)
    def one_pass(in_re, in_im, out_re, out_im):  # type: ignore[no-untyped-def]
        for p in range(quarter):
            source = stride * p
            target = 4 * stride * p
            for q in range(stride):
                i = source + q
                ar, ai = in_re[i], in_im[i]
                br, bi = in_re[i + jump], in_im[i + jump]
                cr, ci = in_re[i + 2 * jump], in_im[i + 2 * jump]
                dr, di = in_re[i + 3 * jump], in_im[i + 3 * jump]
                sum_r, sum_i = ar + cr, ai + ci
                dif_r, dif_i = ar - cr, ai - ci
                odd_r, odd_i = br + dr, bi + di
                turn_r, turn_i = di - bi, br - dr
                o = target + q
                out_re[o] = sum_r + odd_r
                out_im[o] = sum_i + odd_i
                t_r, t_i = dif_r - turn_r, dif_i - turn_i
                out_re[o + stride] = w1_re[p] * t_r - w1_im[p] * t_i
                out_im[o + stride] = w1_re[p] * t_i + w1_im[p] * t_r
                t_r, t_i = sum_r - odd_r, sum_i - odd_i
                out_re[o + 2 * stride] = w2_re[p] * t_r - w2_im[p] * t_i
                out_im[o + 2 * stride] = w2_re[p] * t_i + w2_im[p] * t_r
                t_r, t_i = dif_r + turn_r, dif_i + turn_i
                out_re[o + 3 * stride] = w3_re[p] * t_r - w3_im[p] * t_i
                out_im[o + 3 * stride] = w3_re[p] * t_i + w3_im[p] * t_r

    return one_pass


pass_256 = radix4_pass(256, 1)
pass_64 = radix4_pass(64, 4)
pass_16 = radix4_pass(16, 16)
pass_4 = radix4_pass(4, 64)


@numba.njit(
    void(float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1]),
    cache=True,
    nogil=True,
)
def real_fft(signal, z_re, z_im, work_re, work_im, out_re, out_im):  # type: ignore[no-untyped-def]
    """Transform 512 real samples into bins 0..256 (`out_re`, `out_im`, 257 each), as numpy.fft.rfft does.

    `z_re`, `z_im`, `work_re` and `work_im` are scratch, 256 values each.
    """
    for n in range(POINTS):
        z_re[n] = signal[2 * n]
        z_im[n] = signal[2 * n + 1]
    pass_256(z_re, z_im, work_re, work_im)
    pass_64(work_re, work_im, z_re, z_im)
    pass_16(z_re, z_im, work_re, work_im)
    pass_4(work_re, work_im, z_re, z_im)
    out_re[0] = z_re[0] + z_im[0]
    out_im[0] = 0.0
    out_re[POINTS] = z_re[0] - z_im[0]
    out_im[POINTS] = 0.0
    for k in range(1, POINTS):
        even_r = 0.5 * (z_re[k] + z_re[POINTS - k])
        even_i = 0.5 * (z_im[k] - z_im[POINTS - k])
        odd_r = 0.5 * (z_im[k] + z_im[POINTS - k])
        odd_i = 0.5 * (z_re[POINTS - k] - z_re[k])
        out_re[k] = even_r + SPLIT_RE[k] * odd_r - SPLIT_IM[k] * odd_i
        out_im[k] = even_i + SPLIT_RE[k] * odd_i + SPLIT_IM[k] * odd_r
