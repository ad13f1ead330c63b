# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# The embedded 64×64 toon-face generator, statistics and perceptual distance.
generator = dict(
    type='BaseDetailGenerator',
    base_size=16,
    checkpoint='asset://toon64/generator.safetensors',
    generator=dict(
        type='NarrowStyleGANv2Generator',
        out_size=64,
        style_channels=128,
        num_mlps=4,
        channels={4: 128, 8: 128, 16: 128, 32: 64, 64: 32},
    ),
)
encoder = dict(type='BaseCodeEncoder', base_channels=128, base_size=16, widths=(16, 48, 96))
statistics = dict(type='LatentStatistics', path='asset://toon64/statistics.safetensors')
perceptual = dict(type='STLPIPSLoss', loss_weight=10.0)
face_finder = dict(type='ToonFinder')
