# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Whatever a tool is told to write to: no file of the user is replaced, changed or removed."""

import ast
import tarfile
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

CONFIG = 'bdinvert_inv_toon64'
TOOLS = Path(__file__).parents[2] / 'tools'
PHOTOS = TOOLS.parent / 'demo' / 'images'
RUN_FILES = ('config.py', 'settings.json', 'report.md', 'summary.csv', 'contact_sheet.png')


def contents(folder):
    """Read all files below a folder but the package's marks."""
    files = (path for path in folder.rglob('*') if path.is_file())
    return {p: p.read_bytes() for p in files if p.name != '.mmgen_bdinvert'}


def is_one_sentence(err):
    return err.count('\n') == 1 and err.startswith('error: ')


@pytest.fixture()
def invert(run_in_process):
    tool = run_in_process('invert')
    return lambda *args: tool(CONFIG, *args, '--steps', 1, '--device', 'cpu')


@pytest.fixture()
def photo(tmp_path):
    with Image.open(PHOTOS / 'rotated_0.png') as image:
        image.resize((64, 64)).convert('RGB').save(tmp_path / 'p.png')
    return tmp_path / 'p.png'


def make_mine(folder):
    """Files of a user that have the names of results, or nearly so."""
    for name in (*RUN_FILES, 'manifest/train.jsonl', 'manifest/0.jsonl', '.lock-0', '.work-0/a'):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text('mine')
    for name in ('.env.tmpl', '.notes.tmp.md', 'p/reconstruction.png', 'p/metrics.json'):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text('mine')
    (folder / 'shards').mkdir()
    for name in ('train-00000.tar', '00000-00000.tar'):
        with tarfile.open(folder / 'shards' / name, 'w') as archive:
            archive.add(__file__, 'x')


@pytest.mark.parametrize('more', [[], ['--restart'], ['--packed'], ['--packed', '--restart']])
def test_a_folder_of_the_user_is_refused(invert, photo, tmp_path, more):
    make_mine(tmp_path / 'mine')
    before = contents(tmp_path / 'mine')
    for option in ([], ['--into-existing']):
        code, _, err = invert(photo, '--out-dir', tmp_path / 'mine', *more, *option)
        assert code == 2 and is_one_sentence(err)
        assert contents(tmp_path / 'mine') == before


@pytest.mark.parametrize('more', [[], ['--restart'], ['--packed'], ['--packed', '--restart']])
def test_files_of_the_user_among_results_stay(invert, photo, tmp_path, more):
    out, packed = tmp_path / 'out', '--packed' in more
    assert invert(photo, '--out-dir', out, *more)[0] == 0
    for name in ('shards/train-00000.tar', 'shards/00000-00001.tar', 'manifest/train.jsonl'):
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_text('mine')
    for name in ('.notes.tmp.md', 'notes.txt', 'manifest/7.jsonl'):
        (out / name).write_text('mine')
    mine = {path: data for path, data in contents(out).items() if data == b'mine'}
    assert len(mine) == 6
    assert invert(photo, '--out-dir', out, *more)[0] == 0
    after = contents(out)
    assert {path: after.get(path) for path in mine} == mine
    assert packed == ((out / 'shards' / '00000-00000.tar') in after)


def test_a_shard_of_the_user_is_not_appended_to(invert, photo, tmp_path):
    shard = tmp_path / 'out' / 'shards' / '00000-00000.tar'
    shard.parent.mkdir(parents=True)
    shard.write_text('mine')
    code, _, err = invert(photo, '--out-dir', tmp_path / 'out', '--packed', '--into-existing')
    assert code == 0, err
    assert shard.read_text() == 'mine' and shard.with_name('00000-00001.tar').is_file()


def test_an_input_is_never_a_result(invert, tmp_path, photo):
    folder = tmp_path / 'photos'
    folder.mkdir()
    for name in ('contact_sheet.png', 'b.png'):
        (folder / name).write_bytes(photo.read_bytes())
    before = contents(folder)
    for more in ([], ['--into-existing']):
        code, _, err = invert(*folder.glob('*.png'), '--out-dir', folder, *more)
        assert code == 2 and is_one_sentence(err) and contents(folder) == before
    assert invert(photo, '--out-dir', tmp_path / 'out')[0] == 0
    for path in ('contact_sheet.png', 'p/reconstruction.png'):
        (tmp_path / 'p').mkdir(exist_ok=True)
        linked = tmp_path / 'p' / 'p.png'
        linked.unlink(missing_ok=True)
        linked.hardlink_to(tmp_path / 'out' / path)
        before = contents(tmp_path / 'out')
        code, _, err = invert(linked, '--out-dir', tmp_path / 'out', '--restart')
        assert code == 2 and 'would overwrite the input' in err
        assert contents(tmp_path / 'out') == before


@pytest.mark.parametrize('name', sorted(path.stem for path in TOOLS.glob('*.py')))
def test_an_empty_argument_is_refused_by_every_tool(load_tool, name, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    tool = load_tool(name)
    for args in ([''], ['--out-dir', ''], ['--out-dir='], ['x', ' ']):
        with pytest.raises(SystemExit) as info:
            tool.parse_args(args)
        assert info.value.code == 2 and 'an argument is empty' in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_files_are_refused_as_outputs_before_the_work(run_in_process, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_file({'x': torch.zeros(2)}, 'mine.safetensors')
    torch.save({'state_dict': {'encoder.x': torch.zeros(2)}}, 'iter_1.pth')
    for name in ('mine.json', 'mine.png', 'mine.gif', 'mine.html'):
        Path(name).write_text('mine')
    before = contents(tmp_path)
    for tool, *args in (
        ('latent_stats', CONFIG, 'mine.safetensors'),
        ('publish_model', 'iter_1.pth', 'mine.safetensors', '--part', 'encoder'),
        ('convert', 'iter_1.pth', 'mine.safetensors', '--from', 'mmgen'),
        ('projects.toon_faces.train_attributes', 'faces', 'mine.safetensors'),
        ('benchmarks.speed.__main__', '--json', 'mine.json', '--device', 'cpu'),
    ):
        code, _, err = run_in_process(tool)(*args)
        assert code == 2 and 'did not make it' in err, (tool, err)
        assert is_one_sentence(err) and contents(tmp_path) == before


def test_a_file_of_a_tool_is_its_own_to_replace(run_in_process, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({'state_dict': {'encoder.x': torch.zeros(2)}}, 'iter_1.pth')
    publish = run_in_process('publish_model')
    for _ in range(2):
        assert publish('iter_1.pth', 'e.safetensors', '--part', 'encoder')[0] == 0
    code, _, err = publish('e.safetensors', 'e.safetensors', '--part', 'encoder')
    assert code == 2 and 'would overwrite the input' in err


@pytest.mark.parametrize(
    ('tool', 'option', 'args'),
    [
        ('edit', '--out-dir', ['codes', '--flip']),
        ('find_directions', '--out-dir', [CONFIG, '--draw-samples', '2']),
        ('benchmarks.figures.__main__', '--out-dir', []),
        ('benchmarks.evaluate_generator', '--out-dir', [CONFIG, str(PHOTOS)]),
        ('demo_toon', '--out-dir', []),
        ('benchmarks.equivariance.__main__', '--out-dir', [CONFIG]),
        ('benchmarks.quality.__main__', '--out-dir', ['toon64', '--count', '1']),
        ('train', '--work-dir', ['bdinvert_enc_toon64']),
        ('test', '--work-dir', [CONFIG, '--data-root', str(PHOTOS)]),
    ],
)
def test_a_folder_of_the_user_is_refused_by_every_tool(
    run_in_process, tmp_path, monkeypatch, tool, option, args
):
    monkeypatch.chdir(tmp_path)
    folder = Path('mine')
    folder.mkdir()
    for name in ('iter_1.pth', 'last_checkpoint', 'edits.png', 'contact_sheet.png'):
        (folder / name).write_text('mine')
    if tool == 'edit':
        from mmgen_bdinvert.structures import LatentCode

        Path('codes').mkdir()
        LatentCode(torch.zeros(1, 128, 16, 16), torch.zeros(1, 6, 128)).save(
            'codes/code.safetensors'
        )
        args = [*args, '--config', CONFIG]
    before = contents(folder)
    code, _, err = run_in_process(tool)(*args, option, folder)
    assert code == 2 and 'is not empty' in err, err
    assert 'Traceback' not in err and contents(folder) == before


def test_drawn_faces_spare_pictures_of_the_user(run_in_process, tmp_path):
    (tmp_path / 'train').mkdir()
    for name in ('t0.png', 'labels.jsonl'):
        (tmp_path / 'train' / name).write_text('{"mine": 1}')
    before = contents(tmp_path)
    draw = run_in_process('projects.toon_faces.draw')
    for more in ([], ['--into-existing']):
        args = ('--out-dir', tmp_path, '--train', 1, '--heldout', 0, '--size', 16)
        code, _, err = draw(*args, *more)
        assert code == 2 and is_one_sentence(err.splitlines()[-1] + '\n')
        assert contents(tmp_path) == before


def written_by(source):
    """Name the calls of a module that write, move or remove files."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else None
        name = node.func.id if isinstance(node.func, ast.Name) else name
        modes = [a.value for a in node.args[:2] if isinstance(a, ast.Constant)]
        modes = [m for m in modes if isinstance(m, str) and len(m) < 4]
        if name in ('open', 'fdopen') and not any(set(m) & set('wax+') for m in modes):
            continue
        names.add(name)
    return names & WRITERS


WRITERS = set(
    """atomic_write save_png save_json save_table save_config save_file save_inversion save_report
    save_video save_projections savefig write_text write_bytes open mkdir makedirs unlink remove
    rmtree rmdir replace_file rename truncate ftruncate touch mkstemp symlink_to hardlink_to
    copyfile copytree imwrite save claim_outputs claim_folder plot_losses plot_equivariance
    plot_ratios plot_intervals download_url_to_file FileLock ensure_writable_folder
    TemporaryDirectory remove_files save_figure save_pickled save_tensors""".split()
)


def test_the_page_lists_every_module_that_writes():
    root = TOOLS.parent
    page = (root / 'docs' / 'reliability.md').read_text(encoding='utf-8')
    listed = page.partition('## Where files are written')[2].partition('\n## ')[0]
    folders = ('mmgen_bdinvert', 'tools', 'benchmarks', 'projects')
    paths = [path for folder in folders for path in (root / folder).rglob('*.py')]
    names = {p.relative_to(root).as_posix().removeprefix('mmgen_bdinvert/'): p for p in paths}
    writing = {n for n, p in names.items() if written_by(p.read_text(encoding='utf-8'))}
    assert not {name for name in writing if f'`{name}`' not in listed}
    ours = {name for name in names if f'`{name}`' in listed}
    assert ours <= writing, 'the page lists modules that write nothing'
