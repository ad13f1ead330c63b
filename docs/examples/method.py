# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Regularised inversion (paper, section 3.4) as a plain loop over the parts."""

import torch


def regularised_inversion(images, generator, encoder, statistics, perceptual, steps=1200):
    """Yield the latent codes before each step, and after the last one.

    Images are (n, 3, H, W) in [-1, 1], in the generator's channel order.
    """
    target = perceptual.prepare(generator.to_rgb(images))  # features of the photos, once
    with torch.no_grad():
        start = encoder(generator.to_rgb(images))  # f0 = E(I): [NCss]
    base = start.clone().requires_grad_()  # f
    mean = generator.mean_latent  # [D]
    detail = mean.repeat(len(images), generator.num_detail, 1).requires_grad_()  # w_M+: [NLD]
    optimizer = torch.optim.Adam([base, detail], lr=0.01)
    for _ in range(steps):
        yield generator.code(base.detach().clone(), detail.detach().clone())
        output = generator(base, detail)  # I = G(f, w_M+)
        whitened = statistics.whiten(detail)  # v, in P-norm+ space
        losses = (
            (output - images).square().mean((1, 2, 3))
            + 10 * perceptual(generator.to_rgb(output), target)
            + 10 * (base - start).square().mean((1, 2, 3))
            + 0.01 * whitened.square().mean((1, 2))
        )  # [N]
        optimizer.zero_grad()
        losses.sum().backward()  # images have nothing to do with each other
        optimizer.step()
    yield generator.code(base.detach(), detail.detach())
