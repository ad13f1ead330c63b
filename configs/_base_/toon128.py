# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# The embedded 128×128 toon-face generator, statistics and perceptual distance.
generator = dict(
    type='BaseDetailGenerator',
    base_size=16,
    checkpoint='asset://toon128/generator.safetensors',
    generator=dict(
        type='NarrowStyleGANv2Generator',
        out_size=128,
        style_channels=128,
        num_mlps=4,
        channels={4: 128, 8: 128, 16: 128, 32: 96, 64: 48, 128: 16},
    ),
)
encoder = dict(type='BaseCodeEncoder', base_channels=128, base_size=16, widths=(16, 48, 96))
detail_encoder = dict(type='DetailCodeEncoder', num_detail=8, style_dim=128)
statistics = dict(type='LatentStatistics', path='asset://toon128/statistics.safetensors')
perceptual = dict(type='STLPIPSLoss', loss_weight=10.0, resize=64)
face_finder = dict(type='ToonFinder')
