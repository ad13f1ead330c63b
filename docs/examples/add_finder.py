# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A way to find directions of one's own, and a labeller that says what to look for."""

from mmgen.registry import MODULES
from torch import Tensor, nn

from mmgen_bdinvert.editing import Direction
from mmgen_bdinvert.editing.supervised import SupervisedFinder


@MODULES.register_module()
class Warmth(nn.Module):
    """Scores how much more red than blue an image has."""

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Score RGB images (n, 3, H, W) in [-1, 1]: (n,) for each attribute."""
        return {'warmth': (images[:, 0] - images[:, 2]).flatten(1).mean(1)}


@MODULES.register_module()
class MeanDifference(SupervisedFinder):
    """From the mean style vector of the lower half of the scores to that of the upper half."""

    def fit(self, w: Tensor, scores: dict[str, Tensor]) -> list[Direction]:
        """Learn from w (n, D) and scores (n,): a direction for each attribute, with notes."""
        found = []
        for name, score in scores.items():
            high = score > score.median()
            notes = {'samples_of_each_half': str(int(high.sum()))}
            found.append(Direction(w[high].mean(0) - w[~high].mean(0), name, notes=notes))
        return found
