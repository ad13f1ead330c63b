# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A code at once, and a better one under the same edit."""

import numpy as np
import pytest
import torch
from torch import nn

from mmgen_bdinvert.apis import invert, render
from mmgen_bdinvert.models import DetailCodeEncoder, PivotalTuningInverter
from mmgen_bdinvert.studio import Studio, inversions
from mmgen_bdinvert.studio.display import look
from mmgen_bdinvert.studio.handlers import Handlers
from mmgen_bdinvert.studio.live_inversion import watch_inversion
from mmgen_bdinvert.studio.photo import CENTRE
from mmgen_bdinvert.studio.session import SQUARES, WHOLE

EDIT = (0.25, 0.0, 30.0, 1.0, False, 1.5, 0.0)


@pytest.fixture(scope='module')
def predicting(make_inverter, studio):
    """An inverter with a detail encoder, which gives each image a code of its own."""
    generator = studio.inverter.generator
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        encoder = DetailCodeEncoder(generator.num_detail, generator.style_dim, 32, (4, 6), 8)
        nn.init.normal_(encoder.heads.weight)
    encoder.adapt(generator)
    return make_inverter(num_steps=6, detail_encoder=encoder.eval()).eval()


@pytest.fixture()
def handlers(predicting, studio, photos):
    return Handlers(Studio(predicting, studio.directions, studio.finder), photos)


@pytest.fixture()
def opened(handlers, photos):
    studio = handlers.studio
    return studio.opened(studio.new_session(), studio.read_photo(photos[0]))


@pytest.fixture()
def predicted(handlers, opened):
    return handlers.predict(opened, again=False)['session']


def refine(handlers, session, **options):
    return list(handlers.invert(session, 'me', **options))


def test_the_code_of_the_encoders_is_shown_with_its_likeness(handlers, opened):
    shown = handlers.predict(opened, again=False)
    session = shown['session']
    handlers.studio.inverter.num_steps = 0
    expected = invert(handlers.studio.inverter, opened.photo.square).code
    handlers.studio.inverter.num_steps = 6
    torch.testing.assert_close(session.code.base, expected.base)
    torch.testing.assert_close(session.code.detail, expected.detail)
    mean = handlers.studio.inverter.generator.mean_latent
    assert (session.code.detail - mean).abs().max() > 0.1
    assert session.refining and 'Predicted at once: ' in shown['status']
    picture = look(render(handlers.studio.inverter, session.code)[0])
    assert shown['reconstruction'] == shown['stage']['picture'] == picture != ''
    assert shown['whole'] != ''


def test_a_small_square_comes_with_its_code(handlers, opened, photos):
    shown = handlers.open_photo(handlers.studio.new_session(), photos[0], 'me')
    expected = handlers.predict(opened)
    assert 'Predicted at once: ' in shown['status'] and shown['tabs'] == shown['view'] == WHOLE
    for name in ('original', 'reconstruction', 'stage', 'whole', 'photo', 'status'):
        assert shown[name] == expected[name] != ''


def test_pivotal_tuning_predicts_with_its_pivot(predicting, photos):
    studio = Studio(PivotalTuningInverter(predicting, num_steps=2))
    photo = studio.read_photo(photos[0])
    expected = Studio(predicting).predicted(photo)
    assert studio.predicts and torch.equal(studio.predicted(photo).detail, expected.detail)


def test_nothing_is_predicted_without_a_detail_encoder(studio, photos):
    handlers = Handlers(studio)
    session = handlers.open_photo(studio.new_session(), photos[0], 'me')['session']
    assert not studio.predicts and handlers.predict(session) == {}


def test_a_window_is_predicted_when_it_is_chosen(handlers, wide):
    session = handlers.open_photo(handlers.studio.new_session(), wide, 'me')['session']
    assert handlers.predict(session, again=False) == {}
    assert handlers.predict(session)['session'].code is not None
    assert handlers.predict(handlers.studio.new_session()) == {}


def test_an_edit_during_the_refinement_stays(handlers, predicted):
    steps = handlers.invert(predicted, 'me', again=False)
    during = next(steps)
    assert set(during) == {'reconstruction', 'status'} and 'Step 0 of 6' in during['status']
    assert 'Predicted at once: ' in during['status']
    edited = handlers.change(predicted, *EDIT)['session']
    last = list(steps)[-1]
    assert (
        set(last) == {'refined', 'reconstruction', 'status'} and 'Inverted in 6' in last['status']
    )

    shown = handlers.take_over(edited, last['refined'], SQUARES)
    session = shown['session']
    assert session.edit == edited.edit and session.past == edited.past
    assert not set(shown) & {'shift_x', 'shift_y', 'rotate', 'scale', 'strength_0'}
    expected = invert(handlers.studio.inverter, predicted.photo.square).code
    assert torch.equal(session.code.base, expected.base)
    code = session.edit.apply(handlers.studio.inverter, expected, handlers.studio.directions)
    assert shown['stage']['picture'] == look(render(handlers.studio.inverter, code)[0])
    assert shown['stage']['picture'] != handlers.change(predicted, *EDIT)['stage']['picture']
    assert handlers.undo(session)['stage']['picture'] == last['reconstruction']
    assert not session.refining and shown['refined'] is None
    assert refine(handlers, session, again=False) == [{}]


def test_the_view_that_is_open_by_then_is_shown(handlers, predicted):
    refined = refine(handlers, predicted)[-1]['refined']
    assert 'whole' not in handlers.take_over(predicted, refined, SQUARES)
    shown = handlers.take_over(predicted, refined, WHOLE)
    expected = handlers.studio.whole_picture(refined)
    assert np.array_equal(handlers.studio.whole_picture(shown['session']), expected)
    assert shown['whole'] == look(expected)


def test_a_cancelled_refinement_leaves_the_prediction(handlers, predicted):
    steps = handlers.invert(predicted, 'me')
    next(steps)
    handlers.cancel('me')
    last = list(steps)[-1]
    assert 'was cancelled at step' in last['status'] and 'refined' not in last
    assert last['reconstruction'] == look(predicted.reconstruction)
    session = handlers.take_over(predicted, None, SQUARES)['session']
    assert session.code is predicted.code
    assert refine(handlers, session, again=False) == [{}]  # such as after a bad file


def test_a_refined_code_is_not_put_under_another_photo(handlers, predicted, photos):
    refined = refine(handlers, predicted)[-1]['refined']
    other = handlers.open_photo(predicted, photos[1], 'me')['session']
    assert handlers.take_over(other, refined, WHOLE)['session'].code is other.code


def test_an_inversion_that_ends_as_another_photo_opens_changes_nothing(
    handlers, predicted, photos, monkeypatch
):
    judge = handlers.studio.verdict

    def verdict(*args):
        handlers.open_photo(predicted, photos[1], 'me')
        return judge(*args)

    monkeypatch.setattr(handlers.studio, 'verdict', verdict)
    assert refine(handlers, predicted)[-1] == {}


def test_a_step_that_is_done_as_the_window_moves_is_not_shown(handlers, predicted, monkeypatch):
    def steps(*args):
        for step in watch_inversion(*args):
            if step.step == step.num_steps:  # the last one: nothing asks after it
                handlers.place(predicted, dict(x=1, y=1, size=20, angle=0), 'me')
            yield step

    monkeypatch.setattr(inversions, 'watch_inversion', steps)
    *during, last = refine(handlers, predicted)
    assert during and last == {} and all('Step 6 of 6' not in shown['status'] for shown in during)


def test_inverting_again_keeps_code_and_edit_until_it_is_done(handlers, predicted):
    refined = refine(handlers, predicted)[-1]['refined']
    session = handlers.take_over(predicted, refined, SQUARES)['session']
    edited = handlers.change(session, *EDIT)['session']
    assert handlers.predict(edited) == {}
    *during, last = refine(handlers, edited)
    assert all('session' not in shown for shown in (*during, last))
    again = handlers.take_over(edited, last['refined'], SQUARES)['session']
    assert again.edit == edited.edit and again.code is not edited.code


def test_a_photo_that_is_gone_is_a_sentence(handlers, photos, tmp_path):
    path = tmp_path / 'x.png'
    path.write_bytes(photos[0].read_bytes())
    session = handlers.studio.new_session()
    session = handlers.studio.opened(session, handlers.studio.read_photo(path))
    path.unlink()
    shown = handlers.predict(session)
    assert set(shown) == {'status'} and 'x.png is no longer here' in shown['status']


def test_an_inversion_is_asked_for_one_photo_and_window(handlers, opened):
    asked = handlers.ask(opened)
    moved = handlers.choose(asked['session'], CENTRE, 'me')['session']
    assert list(handlers.invert(moved, 'me', asked=asked['asked'])) == [{}]
    assert asked['asked'] is opened.photo and asked['session'].photo is opened.photo
    assert handlers.ask(handlers.studio.new_session()) == {'asked': None}
