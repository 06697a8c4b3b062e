"""A real Fourier transform of 512 points.

The 512 real samples are taken as 256 complex ones, transformed by four radix-4 passes that sort as they go
(Stockham; see Van Loan, "Computational Frameworks for the Fast Fourier Transform", 1992), and split into the
257 bins of the real signal. Real and imaginary parts lie in separate arrays, so that the inner loops run
over neighbours.
"""

from __future__ import annotations

import numba
from numba import float64, int64, void

from emotion.tables import SPLIT_IM, SPLIT_RE, TWIDDLE_IM, TWIDDLE_RE

POINTS = 256


@numba.njit(void(int64, int64, float64[::1], float64[::1], float64[::1], float64[::1]), cache=True, nogil=True)
def radix4_pass(length, stride, in_re, in_im, out_re, out_im):  # type: ignore[no-untyped-def]
    """One Stockham pass: butterflies of four over `stride` interleaved sequences of `length` points."""
    quarter = length // 4
    step = POINTS // length
    jump = stride * quarter
    for p in range(quarter):
        w1r, w1i = TWIDDLE_RE[p * step], TWIDDLE_IM[p * step]
        w2r, w2i = TWIDDLE_RE[2 * p * step], TWIDDLE_IM[2 * p * step]
        w3r, w3i = TWIDDLE_RE[3 * p * step], TWIDDLE_IM[3 * p * step]
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
            out_re[o + stride] = w1r * t_r - w1i * t_i
            out_im[o + stride] = w1r * t_i + w1i * t_r
            t_r, t_i = sum_r - odd_r, sum_i - odd_i
            out_re[o + 2 * stride] = w2r * t_r - w2i * t_i
            out_im[o + 2 * stride] = w2r * t_i + w2i * t_r
            t_r, t_i = dif_r + turn_r, dif_i + turn_i
            out_re[o + 3 * stride] = w3r * t_r - w3i * t_i
            out_im[o + 3 * stride] = w3r * t_i + w3i * t_r


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
    radix4_pass(256, 1, z_re, z_im, work_re, work_im)
    radix4_pass(64, 4, work_re, work_im, z_re, z_im)
    radix4_pass(16, 16, z_re, z_im, work_re, work_im)
    radix4_pass(4, 64, work_re, work_im, z_re, z_im)
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
