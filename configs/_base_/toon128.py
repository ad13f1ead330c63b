# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# The embedded 128×128 toon-face generator, statistics and perceptual distance.
generator = dict(
    type='BaseDetailGenerator',
    base_size=16,
    checkpoint='asset://toon128/generator.safetensors',
    generator=dict(
        type='NarrowStyleGANv2Generator',
        out_size=128,
        style_channels=192,
        num_mlps=4,
        channels={4: 256, 8: 256, 16: 192, 32: 192, 64: 96, 128: 32},
    ),
)
encoder = dict(type='BaseCodeEncoder', base_channels=192, base_size=16, widths=(24, 64, 128))
detail_encoder = dict(type='DetailCodeEncoder', num_detail=8, style_dim=192)
statistics = dict(type='LatentStatistics', path='asset://toon128/statistics.safetensors')
perceptual = dict(type='STLPIPSLoss', loss_weight=10.0, resize=64)
face_finder = dict(type='ToonFinder')
