# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# For photos of one's own: nothing is drawn, so there is no truth of an edit.
_base_ = ['./_methods.py']

domain = 'bdinvert_inv_ffhq'
num_steps = 500
judges = {
    'ST-LPIPS VGG': dict(type='STLPIPSLoss', net='vgg'),
    'LPIPS VGG (optimised)': dict(type='LPIPSLoss', net='vgg'),
}
