# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# The one line that says which generator all baselines invert into; --domain overrides it.
_base_ = ['{{$BDINVERT_DOMAIN:../bdinvert_inv_toon128}}.py']

model = dict(keep_best=True)
