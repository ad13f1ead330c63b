# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""P-norm+ statistics of the authors' release of BDInvert."""

from __future__ import annotations

from collections.abc import Mapping

from ..models.latent_stats import LatentStatistics
from .conversion import Conversion, Ledger

__all__ = ['PNORM_ARRAYS', 'convert_bdinvert_pnorm']

# Names of the arrays (the files are NAME.npy), and of the tensors here.
PNORM_ARRAYS = {
    'mean_latent': 'mean',
    'eigen_vectors': 'components',
    'eigen_values': 'eigenvalues',
}


def convert_bdinvert_pnorm(source: Mapping) -> Conversion:
    """Convert mean, eigenvalues and eigenvectors of ``LeakyReLU(w, 5)``.

    The eigenvectors are columns, as here; the eigenvalues come in no order and are sorted.

    Args:
        source (Mapping[str, Tensor]): ``mean_latent`` (D,), ``eigen_values`` (D,) and
            ``eigen_vectors`` (D, D).

    Returns:
        Conversion: Statistics that fit any generator of this style width.

    Raises:
        ValueError: An array is missing, unknown or of another shape, or they are no statistics.
    """
    ledger = Ledger(source)
    taken = {ours: ledger.take(theirs) for theirs, ours in PNORM_ARRAYS.items()}
    ledger.close()
    statistics = LatentStatistics(**taken)  # checks and sorts
    tensors = dict(statistics.named_buffers())
    facts = {'style_channels': str(len(statistics.mean))}
    return Conversion('statistics', tensors, dict(type='LatentStatistics'), 3, facts)
